import type { World } from '#src/sim/world.ts'
import { violations } from '#test/sim/invariants.ts'
import { fingerprint } from './fingerprint.ts'

/**
 * When a process dies, told by an effect: before it took place, after it did but before its outcome is in the store, and
 * after that.
 */
export interface Moment {
  readonly number: number
  readonly name: string
  readonly when: 'before' | 'after' | 'recorded'
  /** Of the world that is left. */
  readonly key: string
  /** Index of the volume of the instance that was slow, so that the others went ahead of it; undefined: none. */
  readonly slow?: number | undefined
}

export interface Watched {
  readonly moments: readonly Moment[]
  /** Invariants that did not even hold while it went on. */
  readonly violations: readonly { readonly moment: Moment; readonly told: readonly string[] }[]
}

const COMMIT = 'store commit'

/** Notes every moment of what happens in a world from now on, and tells of each whose state is new. */
export class MomentWatch implements Watched {
  readonly moments: Moment[] = []
  readonly violations: { moment: Moment; told: readonly string[] }[] = []
  readonly #world: World
  readonly #isNew: (key: string) => boolean
  readonly #found: (moment: Moment, world: World) => void
  readonly #slow: number | undefined
  #unrecorded: Moment[] = []
  #key: string | undefined

  constructor(
    world: World,
    isNew: (key: string) => boolean,
    found: (moment: Moment, world: World) => void,
    slow?: number | undefined,
  ) {
    this.#world = world
    this.#slow = slow
    this.#isNew = isNew
    this.#found = found
    world.watch = (when, { number, name }) => this.#note(when, number, name)
  }

  end(): void {
    this.#world.watch = undefined
  }

  #note(when: 'before' | 'after', number: number, name: string): void {
    // Only effects change a world: before one it is as it was after the last.
    if (when === 'after' || this.#key === undefined) this.#key = fingerprint(this.#world)
    const moment = { number, name, when, key: this.#key, slow: this.#slow }
    this.moments.push(moment)
    if (when === 'after' && name === COMMIT) this.#recorded(moment.key)
    else if (when === 'after') this.#unrecorded.push(moment)
    if (!this.#isNew(moment.key)) return
    const told = violations({ world: this.#world })
    if (told.length > 0) this.violations.push({ moment, told })
    this.#found(moment, this.#world)
  }

  #recorded(key: string): void {
    this.moments.push(...this.#unrecorded.map(moment => ({ ...moment, when: 'recorded' as const, key })))
    this.#unrecorded = []
  }
}

import type { World } from '#src/sim/world.ts'
import type { Explored } from './catalogue.ts'
import { fingerprint } from './fingerprint.ts'
import { type Moment, MomentWatch, type Watched } from './moments.ts'
import { checkLife, checkRecovered, DEATHS, type Death, recover, strike } from './recovery.ts'
import { type Cast, type Mechanism, openScene, processOn, type Scene } from './scene.ts'

/** The process died at this moment of the operation; the next one at that of its recovery, and so on. */
export interface Fate {
  readonly moment: Moment
  readonly death: Death
}

export interface Violation {
  readonly operation: string
  readonly mechanism: Mechanism
  readonly fates: readonly Fate[]
  readonly told: readonly string[]
}

export interface DeathCounts {
  readonly operation: string
  readonly mechanism: Mechanism
  /** Moments at which the process dies, times kinds of death. */
  readonly points: number
  /** For each of these, the same of its recovery. */
  readonly secondPoints: number
  /** Recoveries that were really run, each from another state. */
  readonly recoveries: number
  readonly violations: readonly Violation[]
}

/** A state in which a new process finds the world. */
interface State {
  readonly key: string
  readonly world: World
  readonly fates: readonly Fate[]
}

/**
 * Explores every death of every operation with volumes of one mechanism, and every death of each recovery, and of the
 * recovery from that, until no state comes up that was not recovered from already.
 */
export class DeathExploration {
  readonly #mechanism: Mechanism
  readonly #base: Promise<Scene>
  /** By the state that the recovery began in: the moments of the recovery. */
  readonly #recovered = new Map<string, readonly Moment[]>()
  /** By the state that a process left: those in which the next one may find the world. */
  readonly #struck = new Map<string, readonly string[]>()
  /** By the state that a recovery ended in: what the life after it came to. */
  readonly #lives = new Map<string, readonly string[]>()
  #ahead: State[] = []

  constructor(mechanism: Mechanism) {
    this.#mechanism = mechanism
    this.#base = openScene(mechanism)
  }

  async explore(operation: Explored): Promise<DeathCounts> {
    const { name } = operation
    const violations: Violation[] = []
    const tell = (fates: readonly Fate[], told: readonly string[]) => {
      if (told.length > 0) violations.push({ operation: name, mechanism: this.#mechanism, fates, told })
    }
    const cast = await this.#base
    const begin = cast.rig.world.fork()
    await operation.prepare?.(processOn(begin, cast))
    const before = this.#recovered.size
    const { moments } = await this.#watch(processOn(begin.fork(), cast), [], scene => operation.run(scene), tell)
    for (let state = this.#ahead.pop(); state; state = this.#ahead.pop()) await this.#recover(cast, state, tell)
    return {
      operation: name,
      mechanism: this.#mechanism,
      points: moments.length * DEATHS.length,
      secondPoints: this.#countSecond(moments),
      recoveries: this.#recovered.size - before,
      violations,
    }
  }

  async #watch(
    scene: Scene,
    fates: readonly Fate[],
    run: (scene: Scene) => Promise<unknown>,
    tell: (fates: readonly Fate[], told: readonly string[]) => void,
  ): Promise<Watched> {
    const watch = new MomentWatch(
      scene.rig.world,
      key => !this.#struck.has(key),
      (moment, world) => this.#strike(moment, world, fates),
    )
    await run(scene)
    const watched = watch.result
    for (const { moment, told } of watched.violations) tell([...fates, { moment, death: 'kill' }], told)
    return watched
  }

  #strike(moment: Moment, world: World, fates: readonly Fate[]): void {
    const keys = DEATHS.map(death => {
      const left = strike(world, death)
      const key = `${death} ${death === 'kill' ? moment.key : fingerprint(left)}`
      if (!this.#recovered.has(key)) {
        this.#recovered.set(key, [])
        this.#ahead.push({ key, world: left, fates: [...fates, { moment, death }] })
      }
      return key
    })
    this.#struck.set(moment.key, keys)
  }

  async #recover(
    cast: Cast,
    { key, world, fates }: State,
    tell: (fates: readonly Fate[], told: readonly string[]) => void,
  ): Promise<void> {
    const scene = processOn(world, cast)
    try {
      const { moments } = await this.#watch(scene, fates, recover, tell)
      this.#recovered.set(key, moments)
      tell(fates, [...checkRecovered(scene), ...(await this.#life(world, cast))])
    } catch (error) {
      tell(fates, [`I4 the recovery failed: ${error instanceof Error ? error.message : String(error)}`])
    }
  }

  async #life(world: World, cast: Cast): Promise<readonly string[]> {
    const key = fingerprint(world)
    const known = this.#lives.get(key)
    if (known) return known
    const told = await checkLife(world, cast)
    this.#lives.set(key, told)
    return told
  }

  #countSecond(moments: readonly Moment[]): number {
    const recoveries = moments.flatMap(({ key }) => this.#struck.get(key) ?? [])
    return recoveries.reduce((sum, key) => sum + (this.#recovered.get(key)?.length ?? 0) * DEATHS.length, 0)
  }

  get lives(): number {
    return this.#lives.size
  }
}

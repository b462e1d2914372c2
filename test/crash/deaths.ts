import type { World } from '#src/sim/world.ts'
import type { Explored } from './catalogue.ts'
import { fingerprint } from './fingerprint.ts'
import { type Moment, MomentWatch, type Watched } from './moments.ts'
import { checkLife, checkRecovered, DEATHS, type Death, recorded, recover, strike } from './recovery.ts'
import { type Cast, type Mechanism, openScene, processOn, SCHEDULES, type Scene, slowDown } from './scene.ts'

/** The process died at this moment of the operation; the next one at that of its recovery, and so on. */
export interface Fate {
  readonly moment: Moment
  readonly death: Death
}

export interface DeathViolation {
  readonly fates: readonly Fate[]
  readonly told: readonly string[]
}

export interface DeathCounts {
  /** Moments at which the process dies, times kinds of death. */
  readonly points: number
  /** For each of these, the same of its recovery. */
  readonly secondPoints: number
  /** States that these deaths, and all further ones, leave; equal ones are counted once. */
  readonly states: number
  /** Recoveries that were run for it: from each state that no operation before it had left. */
  readonly recoveries: number
  readonly violations: readonly DeathViolation[]
}

/** A state in which a new process finds the world. */
interface State {
  readonly key: string
  readonly world: World
  readonly death: Death
}

/** What a recovery came to. */
interface Outcome {
  readonly moments: readonly Moment[]
  readonly told: readonly string[]
  /** What is recorded at its end. */
  readonly recorded: string
}

/**
 * Explores every death of operations with volumes of one mechanism, every death of each recovery, of the recovery from that,
 * and so on until no state comes up that was not recovered from already: any number of deaths.
 */
export class DeathExploration {
  readonly #base: Promise<Scene>
  /** By the state that the recovery began in. */
  readonly #outcomes = new Map<string, Outcome>()
  /** By the state that a process left: those in which the next one may find the world, by kind of death. */
  readonly #struck = new Map<string, ReadonlyMap<Death, string>>()
  /** By the state that a recovery ended in: what the life after it came to. */
  readonly #lives = new Map<string, readonly string[]>()
  readonly #known = new Set<string>()
  #ahead: State[] = []

  constructor(mechanism: Mechanism) {
    this.#base = openScene(mechanism)
  }

  async explore(operation: Explored): Promise<DeathCounts> {
    const cast = await this.#base
    const begin = cast.rig.world.fork()
    await operation.prepare?.(processOn(begin, cast))
    const wholes: Watched[] = []
    const ends = new Set<string>()
    for (const slow of SCHEDULES) {
      const scene = processOn(begin.fork(), cast)
      slowDown(scene, slow)
      wholes.push(await this.#watch(scene, operation.run, slow))
      ends.add(recorded(scene.rig.world))
    }
    const whole: Watched = {
      moments: wholes.flatMap(({ moments }) => moments),
      violations: wholes.flatMap(({ violations }) => violations),
    }
    const before = this.#outcomes.size
    for (let state = this.#ahead.pop(); state; state = this.#ahead.pop()) await this.#recover(cast, state)
    const allowed = new Set([recorded(begin), ...ends])
    return {
      points: whole.moments.length * DEATHS.length,
      secondPoints: this.#countSecond(whole.moments),
      recoveries: this.#outcomes.size - before,
      ...this.#judge(whole, allowed),
    }
  }

  async #watch(scene: Scene, run: (scene: Scene) => Promise<unknown>, slow?: number): Promise<Watched> {
    const watch = new MomentWatch(
      scene.rig.world,
      key => !this.#struck.has(key),
      (moment, world) => this.#strike(moment, world),
      slow,
    )
    try {
      await run(scene)
    } finally {
      watch.end()
    }
    return watch
  }

  #strike(moment: Moment, world: World): void {
    const states = new Map<Death, string>()
    for (const death of DEATHS) {
      const left = strike(world, death)
      const key = `${death} ${death === 'kill' ? moment.key : fingerprint(left)}`
      states.set(death, key)
      if (!this.#known.has(key)) this.#ahead.push({ key, world: left, death })
      this.#known.add(key)
    }
    this.#struck.set(moment.key, states)
  }

  async #recover(cast: Cast, { key, world, death }: State): Promise<void> {
    const scene = processOn(world, cast)
    try {
      const { moments, violations } = await this.#watch(scene, each => recover(each, death))
      const told = [...violations.flatMap(each => each.told), ...checkRecovered(scene), ...(await this.#life(scene))]
      this.#outcomes.set(key, { moments, told, recorded: recorded(world) })
    } catch (error) {
      const told = [`I4 the recovery failed: ${error instanceof Error ? error.message : String(error)}`]
      this.#outcomes.set(key, { moments: [], told, recorded: recorded(world) })
    }
  }

  async #life(scene: Scene): Promise<readonly string[]> {
    const key = fingerprint(scene.rig.world)
    const told = this.#lives.get(key) ?? (await checkLife(scene))
    this.#lives.set(key, told)
    return told
  }

  #countSecond(moments: readonly Moment[]): number {
    const recoveries = moments.flatMap(({ key }) => [...(this.#struck.get(key)?.values() ?? [])])
    return recoveries.reduce((sum, key) => sum + (this.#outcomes.get(key)?.moments.length ?? 0) * DEATHS.length, 0)
  }

  /** Everything that the deaths of an operation lead to, each state by the fewest deaths. */
  #judge(whole: Watched, allowed: ReadonlySet<string>): { states: number; violations: readonly DeathViolation[] } {
    const violations: DeathViolation[] = whole.violations.map(({ moment, told }) => ({
      fates: [{ moment, death: 'kill' }],
      told,
    }))
    const reached = new Set<string>()
    let ahead: readonly { moments: readonly Moment[]; fates: readonly Fate[] }[] = [
      { moments: whole.moments, fates: [] },
    ]
    while (ahead.length > 0) {
      const next: { moments: readonly Moment[]; fates: readonly Fate[] }[] = []
      for (const { key, fates } of this.#successors(ahead)) {
        const outcome = this.#outcomes.get(key)
        if (!outcome || reached.has(key)) continue
        reached.add(key)
        const lost = allowed.has(outcome.recorded)
          ? []
          : [`I4 recorded is neither the state before nor after: ${outcome.recorded}`]
        if (outcome.told.length + lost.length > 0) violations.push({ fates, told: [...outcome.told, ...lost] })
        next.push({ moments: outcome.moments, fates })
      }
      ahead = next
    }
    return { states: reached.size, violations }
  }

  *#successors(from: readonly { moments: readonly Moment[]; fates: readonly Fate[] }[]) {
    for (const { moments, fates } of from) {
      for (const moment of moments) {
        for (const [death, key] of this.#struck.get(moment.key) ?? [])
          yield { key, fates: [...fates, { moment, death }] }
      }
    }
  }
}

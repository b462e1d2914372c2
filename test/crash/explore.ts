import { exploreAtOnce } from './at-once.ts'
import type { Explored } from './catalogue.ts'
import { type DeathCounts, DeathExploration, type Fate } from './deaths.ts'
import { FaultExploration, type FaultViolation } from './faults.ts'
import { fateSpec, faultSpec } from './points.ts'
import type { Mechanism } from './scene.ts'
import { exploreTwice } from './twice.ts'

/** Something that was not as the invariants have it, with what replays it. */
export interface Told {
  readonly operation: string
  readonly mechanism: Mechanism
  /** What was done to the operation, in words. */
  readonly where: string
  readonly told: readonly string[]
  /** What `--point` replays it. */
  readonly point?: string | undefined
}

/** What was explored of an operation with volumes of one mechanism. */
export interface Row {
  readonly operation: string
  readonly mechanism: Mechanism
  /** Deaths: moments times kinds of death. */
  readonly points: number
  /** Second deaths: for each of these, the same in the recovery. */
  readonly secondPoints: number
  /** States that these deaths leave, and any number of further ones: each was recovered from, and lived on. */
  readonly states: number
  /** Recoveries really run for this row; states that were known from an earlier row were recovered from there. */
  readonly recoveries: number
  /** Things that go wrong, without a death: effects and looks times troubles. */
  readonly faults: number
  readonly faultRuns: number
  /** Calls of a verb a second time. */
  readonly twice: number
  readonly violations: readonly Told[]
}

/** Both kinds of exploration for one mechanism; what is learnt from one operation is used for the next. */
export class Exploration {
  readonly #mechanism: Mechanism
  readonly #deaths: DeathExploration
  readonly #faults: FaultExploration

  constructor(mechanism: Mechanism) {
    this.#mechanism = mechanism
    this.#deaths = new DeathExploration(mechanism)
    this.#faults = new FaultExploration(mechanism)
  }

  async explore(operation: Explored): Promise<Row> {
    const mechanism = this.#mechanism
    const known = { operation: operation.name, mechanism }
    try {
      return await this.#explore(operation, known)
    } catch (error) {
      const told = [error instanceof Error ? `${error.message}\n${error.stack}` : String(error)]
      return {
        ...known,
        ...NOTHING,
        violations: [{ ...known, where: 'it does not even come through undisturbed', told }],
      }
    }
  }

  async #explore(operation: Explored, known: Pick<Row, 'operation' | 'mechanism'>): Promise<Row> {
    const deaths = await this.#deaths.explore(operation)
    const faults = await this.#faults.explore(operation)
    const twice = await exploreTwice(this.#mechanism, operation)
    const { points, secondPoints, states, recoveries } = deaths
    return {
      ...known,
      ...{ points, secondPoints, states, recoveries },
      faults: faults.points,
      faultRuns: faults.runs,
      twice: twice.points,
      violations: [
        ...toldOfDeaths(deaths).map(each => ({ ...known, ...each })),
        ...faults.violations.map(each => ({ ...known, ...toldOfFault(each) })),
        ...(twice.told.length > 0 ? [{ ...known, where: 'every verb called twice', told: twice.told }] : []),
      ],
    }
  }
}

const NOTHING = { points: 0, secondPoints: 0, states: 0, recoveries: 0, faults: 0, faultRuns: 0, twice: 0 }

const toldOfDeaths = ({ violations }: DeathCounts) =>
  violations.map(({ fates, told }) => ({
    where: fates.map(inWords).join('; then, in the recovery, '),
    told,
    point: fateSpec(fates),
  }))

const DEATHS = { kill: 'the process is killed', power: 'the power is cut' } as const

const WHEN = {
  before: 'before',
  after: 'after',
  recorded: 'once it is recorded, after',
} as const

const inWords = ({ moment, death }: Fate): string =>
  `${DEATHS[death]} ${WHEN[moment.when]} effect ${moment.number}, ${moment.name}${slowed(moment)}`

const slowed = ({ slow }: Fate['moment']): string =>
  slow === undefined ? '' : ` (volume ${slow} of the instance is slow)`

const LASTS = {
  once: '',
  on: ', each time that it is tried',
  all: ', and so does all of that kind from then on',
} as const

const toldOfFault = ({ point, index, trouble, told }: FaultViolation) => ({
  where: `${point.kind} ${point.number}, ${point.name}, ${trouble.name}${LASTS[trouble.lasts]}`,
  told,
  point: faultSpec(point, index),
})

export interface PairRow {
  readonly mechanism: Mechanism
  readonly pairs: number
  readonly points: number
  readonly violations: readonly Told[]
}

/** Each operation that is called on an instance, at once with each. */
export async function explorePairs(mechanism: Mechanism, operations: readonly Explored[]): Promise<PairRow> {
  const violations: Told[] = []
  let [pairs, points] = [0, 0]
  for (const one of operations) {
    for (const other of operations) {
      const done = await exploreAtOnce(mechanism, one, other)
      pairs++
      points += done.points
      const operation = `${one.name} + ${other.name}`
      if (done.told.length > 0)
        violations.push({ operation, mechanism, where: 'both asked for at once', told: done.told })
    }
  }
  return { mechanism, pairs, points, violations }
}

import fc from 'fast-check'

/** Calls of the ports. */
const CALLS = [
  'connect',
  'disconnect',
  'check-connection',
  'probe-connection',
  'unlock',
  'lock',
  'check-encryption',
  'probe-encryption',
  'cost',
  'list',
  'plug',
  'unplug',
] as const

/** What happens behind Holdfast's back. */
const EVENTS = [
  'restart',
  'vanish',
  'come-back',
  'grow',
  'blank',
  'damage',
  'other-header',
  'exchange',
  'hold-view',
  'let-go',
  'stale-view',
  'foreign-view',
  'no-view',
  'tap',
  'other-interface',
] as const

export type Event = (typeof EVENTS)[number]

/** One call or event, of one of three volumes. */
export interface Deed {
  readonly do: (typeof CALLS)[number] | Event
  readonly volume: number
  /** With the right key. */
  readonly right: boolean
}

const volume = fc.nat({ max: 2 })
const right = fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) })

export const deeds: fc.Arbitrary<readonly Deed[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom('connect', 'unlock', 'lock', 'disconnect'), volume, right }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom(...CALLS), volume, right }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom(...EVENTS), volume, right }) },
  ),
  { minLength: 5, maxLength: 40 },
)

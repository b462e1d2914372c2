import * as fc from 'fast-check'
import {
  type HostEvent,
  INSTANCES,
  MANNERS,
  type Operation,
  type Run,
  SERVICES,
  type Step,
  type StepFault,
  VOLUME_KINDS,
  VOLUMES,
} from './steps.ts'

/** Random runs, by fast-check: what it generates from a seed and how it makes a failing one shorter. */

/** The first ones more often, so that something becomes of them. */
const instance = fc.constantFrom('web' as const, 'web' as const, ...INSTANCES)
const volume = fc.constantFrom(...VOLUMES)

/** Texts that would mean something in XML, in a shell, in a path or in a format string (I10). The first is the simplest. */
const ODD_TEXTS = [
  '',
  'quiet',
  `a="</cmdline><disk>&quot;'<!--`,
  '$(reboot) `reboot`; reboot | tee /etc/passwd && true',
  '../../../../etc/shadow %s %n \\0 ]]>',
  '--option=é\u{1f4a3}',
] as const

const MISNAMES = [
  '',
  '-rf',
  '../up',
  'a/b',
  'a b',
  '<name/>',
  '&amp;',
  `a'b"c`,
  '$(reboot)',
  'a\nb',
  'a\0b',
  'é',
  'x'.repeat(64),
] as const

const oddText = fc.constantFrom(...ODD_TEXTS)

const just = <T>(value: T) => fc.constant(value)

const create: fc.Arbitrary<Operation> = fc.record({
  do: just('create' as const),
  instance,
  volumes: fc.uniqueArray(volume, { maxLength: 2 }),
  boot: fc.boolean(),
  goesWith: fc.boolean(),
  append: oddText,
})

const power: fc.Arbitrary<Operation> = fc.record({
  do: fc.constantFrom('hard-reboot' as const, 'start' as const, 'soft-reboot' as const),
  instance,
})

const createVolume: fc.Arbitrary<Operation> = fc.record({
  do: just('create-volume' as const),
  volume,
  kind: fc.constantFrom(...VOLUME_KINDS),
  description: oddText,
})

const stop: fc.Arbitrary<Operation> = fc.record({ do: just('stop' as const), instance, pull: fc.boolean() })

const hotPlug: fc.Arbitrary<Operation> = fc.record({
  do: fc.constantFrom('attach' as const, 'detach' as const),
  instance,
  volume,
})

const volumeVerb: fc.Arbitrary<Operation> = fc.record({
  do: fc.constantFrom(
    'delete-volume' as const,
    'extend-volume' as const,
    'snapshot' as const,
    'delete-snapshot' as const,
  ),
  volume,
})

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: create },
  { weight: 5, arbitrary: createVolume },
  { weight: 5, arbitrary: power },
  { weight: 2, arbitrary: stop },
  { weight: 8, arbitrary: hotPlug },
  { weight: 2, arbitrary: fc.record({ do: just('delete' as const), instance }) },
  { weight: 3, arbitrary: fc.record({ do: just('resume' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: just('host-resume' as const) }) },
  { weight: 3, arbitrary: volumeVerb },
  { weight: 1, arbitrary: fc.record({ do: just('create-misnamed' as const), name: fc.constantFrom(...MISNAMES) }) },
)

const event: fc.Arbitrary<HostEvent> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: just('mend' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('kill' as const, 'power-cut' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: just('guest-ends' as const),
      instance,
      how: fc.constantFrom('powers off' as const, 'crashes' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: just('manner' as const), manner: fc.constantFrom(...MANNERS), on: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('back' as const, 'away' as const),
      service: fc.constantFrom(...SERVICES),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('disk-freed' as const, 'disk-full' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('vanish' as const, 'grow' as const), volume }) },
  { weight: 1, arbitrary: fc.record({ do: just('swap-files' as const), volume, other: volume }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: just('foreign' as const),
      what: fc.constantFrom('mapping' as const, 'secret' as const, 'loop device' as const),
      volume,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: just('foreign-interface' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ do: just('leftover' as const), volume, other: volume }) },
)

const fault: fc.Arbitrary<StepFault> = fc.record({
  on: fc.constantFrom('effect' as const, 'effect' as const, 'look' as const),
  nth: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 70 })),
  when: fc.constantFrom('before' as const, 'after' as const),
  do: fc.constantFrom('fail' as const, 'die' as const, 'hang' as const),
})

const faultOrNone = fc.oneof(
  { withCrossShrink: true },
  { weight: 3, arbitrary: just(undefined) },
  { weight: 2, arbitrary: fault },
)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ operation, fault: faultOrNone }) },
  { weight: 1, arbitrary: fc.record({ pair: fc.tuple(operation, operation), fault: faultOrNone }) },
  { weight: 2, arbitrary: fc.record({ event }) },
)

/** Something to work with: most other operations on an empty host are merely refused. */
const opening: fc.Arbitrary<Step> = fc.record({
  operation: fc.oneof({ weight: 3, arbitrary: createVolume }, { weight: 2, arbitrary: create }),
})

/** Exactly so many, and when a run goes wrong any number fewer. */
class Steps extends fc.Arbitrary<Step[]> {
  readonly #exactly: fc.Arbitrary<Step[]>
  readonly #atMost: fc.Arbitrary<Step[]>

  constructor(of: fc.Arbitrary<Step>, count: number) {
    super()
    this.#exactly = fc.array(of, { minLength: count, maxLength: count, size: 'max' })
    this.#atMost = fc.array(of, { maxLength: count, size: 'max' })
  }

  generate(random: fc.Random): fc.Value<Step[]> {
    return this.#exactly.generate(random, undefined)
  }

  canShrinkWithoutContext(value: unknown): value is Step[] {
    return this.#atMost.canShrinkWithoutContext(value)
  }

  /** Both arrays keep the same context: that of their elements. */
  shrink(value: Step[], context: unknown): fc.Stream<fc.Value<Step[]>> {
    return this.#atMost.shrink(value, context)
  }
}

/** Runs of this many steps, the opening's among them. */
export function runOf(steps: number): fc.Arbitrary<Run> {
  const first = Math.min(9, Math.floor(steps / 3))
  return fc.record({
    dmCrypt: fc.constantFrom(true, true, false),
    prefers: fc.constantFrom('dm-crypt' as const, 'native' as const),
    opening: new Steps(opening, first),
    steps: new Steps(step, steps - first),
  })
}

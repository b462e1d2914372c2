import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Campaign } from './campaign.ts'
import { type DryRun, type Kill, planKills } from './plan.ts'
import type { Hypervisor } from './protocol.ts'

export interface Suite {
  readonly hypervisor: Hypervisor
  readonly operations: readonly string[]
  readonly kills: number
  /** Lives on one disk before another begins. */
  readonly chainLength: number
}

const numberFrom = (name: string): number | undefined => {
  const text = process.env[name]
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`${name} is '${text}', and must be a whole number above 0`)
}

/**
 * Cuts the power in the middle of operations, boots, recovers and checks, again and again.
 *
 * - `HOLDFAST_KILLS=200`: how many cuts. `HOLDFAST_KILLS_SEED=7`: where in their even shares of the lines they fall.
 * - `HOLDFAST_KILL=17`: only the lives on the same disk up to this kill. How far a disk or a clock got within a moment
 *   differs from run to run; the operation, the line and the share of what follows it do not.
 */
export function chains(suite: Suite): void {
  const count = numberFrom('HOLDFAST_KILLS') ?? suite.kills
  const seed = numberFrom('HOLDFAST_KILLS_SEED') ?? 1
  const only = numberFrom('HOLDFAST_KILL')
  const title = `${count} power cuts (${suite.hypervisor}), seed ${seed}`

  describe(title, () => {
    let campaign: Campaign
    let dry: DryRun
    let say: (line: string) => void = () => {}

    before(async () => {
      campaign = await Campaign.begin(suite.hypervisor, line => say(line))
    })
    after(() => campaign[Symbol.asyncDispose]())

    test('a dry run tells where to strike', async t => {
      dry = await campaign.dryRun(suite.operations)

      for (const operation of suite.operations) {
        const lines = dry.get(operation)?.length ?? 0
        assert.ok(lines > 4, `${operation} tells only ${lines} lines`)
        t.diagnostic(`${operation}: ${lines} lines`)
      }
    })

    for (const [first, last] of ranges(count, suite.chainLength, only)) {
      test(`kills ${first} to ${last}`, async t => {
        say = line => t.diagnostic(line)
        const kills = planKills(dry, suite.operations, count, seed).slice(first - 1, last)

        assert.deepEqual(await campaign.chain(kills), [], again(kills, suite, { count, seed }))
      })
    }
  })
}

/** First and last number of each chain. */
function ranges(count: number, length: number, only: number | undefined): readonly (readonly [number, number])[] {
  const all = Array.from({ length: Math.ceil(count / length) }, (_, index) => {
    const first = index * length + 1
    return [first, Math.min(first + length - 1, count)] as const
  })
  if (only === undefined) return all
  return all.filter(([first, last]) => first <= only && only <= last).map(([first]) => [first, only])
}

const again = (kills: readonly Kill[], { hypervisor }: Suite, { count, seed }: { count: number; seed: number }) =>
  `to see it again: HOLDFAST_KILLS=${count} HOLDFAST_KILLS_SEED=${seed} HOLDFAST_KILL=${kills.at(-1)?.number} ` +
  `npm test -- lab/kills/${hypervisor}.test.ts`

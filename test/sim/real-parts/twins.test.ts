import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { type Deed, deeds } from './deeds.ts'
import { Party } from './pair.ts'

/** Does the same with both, and compares what they answer and what stands after each. */
async function compare(story: readonly Deed[]): Promise<void> {
  const [twins, real] = [new Party('twins'), new Party('real')]
  const told: string[] = []
  for (const deed of story) {
    told.push(`${deed.do} ${deed.volume}${deed.right ? '' : ', wrong key'}`)
    const words = told.join('; ')
    assert.deepEqual(await real.perform(deed), await twins.perform(deed), words)
    assert.deepEqual(real.standing(), twins.standing(), words)
  }
}

it('twins and the real parts over simulated commands answer the same, whatever happens behind their backs', async () => {
  await fc.assert(fc.asyncProperty(deeds, compare), { seed: 20261123, numRuns: 300 })
})

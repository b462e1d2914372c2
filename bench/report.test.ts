import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Measurement } from './bench.ts'
import { median } from './measure.ts'
import { toJson, toTable } from './report.ts'

const MEASUREMENT: Measurement = { name: 'start', ours: 90, peer: 30, unit: 'ms', target: 4, note: 'what' }

describe('report', () => {
  it('gives a program the ratio and the target', () => {
    const [entry] = JSON.parse(toJson([MEASUREMENT]))
    const note = 'what; target: ratio at most 4'
    assert.deepEqual(entry, { name: 'start', ours: 90, peer: 30, ratio: 3, unit: 'ms', note })
  })

  it('tells people which targets were met, missed, or not measured', () => {
    const missed = { ...MEASUREMENT, name: 'slow', ours: 150 }
    const table = toTable([MEASUREMENT, missed], [{ name: 'lab', reason: 'no root' }])
    assert.match(table, /^start .* 3 +≤ 4 +met$/m)
    assert.match(table, /^slow .* 5 +≤ 4 +MISSED$/m)
    assert.match(table, /^NOT MEASURED lab: no root$/m)
  })
})

describe('median', () => {
  it('is the middle, or between the middles', () => {
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([4, 1, 2, 3]), 2.5)
    assert.throws(() => median([]))
  })
})

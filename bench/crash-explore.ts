import { CATALOGUE } from '#test/crash/catalogue.ts'
import { Exploration, type Row } from '#test/crash/explore.ts'
import type { Bench } from './bench.ts'

const THOUSAND = 1000
/** What a thousand points may take: a thousand points a second. */
const ALLOWED_MS = 1000

/** How fast deaths and faults are explored, by processor time, so that it is the speed on one core. */
export const crashExplore: Bench = {
  names: ['crash-explore'],
  run: async () => {
    const exploration = new Exploration('dm-crypt')
    const before = process.cpuUsage()
    const rows: Row[] = []
    for (const operation of CATALOGUE) rows.push(await exploration.explore(operation))
    const { user, system } = process.cpuUsage(before)
    const ms = (user + system) / 1000
    const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0)
    const points = sum(({ points, secondPoints, faults }) => points + secondPoints + faults)
    const runs = sum(({ recoveries, faultRuns }) => recoveries + faultRuns)
    const rate = (count: number) => Math.round((count / ms) * 1000)
    const note = `every death and fault of ${rows.length} operations with dm-crypt, processor time for a thousand points; beside it the second that they may take. ${points} points, ${rate(points)} a second; equal ones run once: ${runs} runs, ${rate(runs)} a second`
    return [{ name: 'crash-explore', ours: (ms / points) * THOUSAND, peer: ALLOWED_MS, unit: 'ms', target: 1, note }]
  },
}

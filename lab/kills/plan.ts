import { SeededRandom } from '#src/sim/random.ts'
import type { Report, Strike } from './protocol.ts'

/** A power cut: in which operation (`recover`: in the recovery itself) and where. */
export interface Kill {
  /** From 1; with the seed and the count it says all. */
  readonly number: number
  readonly operation: string
  readonly strike: Strike
  /** What is going on there, in words. */
  readonly what: string
  /** How long what follows the line took in the dry run, milliseconds. */
  readonly gapMs: number
}

export interface DryLine {
  readonly what: string
  readonly ms: number
}

/** By operation: the lines that it told of when nobody struck. */
export type DryRun = ReadonlyMap<string, readonly DryLine[]>

export function dryRunOf(reports: readonly Report[]): DryRun {
  const found = new Map<string, DryLine[]>()
  let operation = 'recover'
  for (const report of reports) {
    if (report.tell === 'begun') operation = report.operation
    if (report.tell !== 'line') continue
    const lines = found.get(operation) ?? []
    found.set(operation, lines)
    lines.push({ what: report.what, ms: report.ms })
  }
  return found
}

/**
 * As many kills as wanted, the operations in turn, and each operation's spread evenly over all of its lines: the seed only
 * says where in its even share of the lines each falls. Of three or more of one operation the last falls when it is done: what
 * was said to be done must be there.
 */
export function planKills(dry: DryRun, operations: readonly string[], count: number, seed: number): readonly Kill[] {
  return Array.from({ length: count }, (_, index) => {
    const operation = operations[index % operations.length] ?? ''
    const lines = dry.get(operation) ?? []
    const turn = Math.floor(index / operations.length)
    const turns = Math.ceil((count - (index % operations.length)) / operations.length)
    const spread = turns >= 3 ? turns - 1 : turns
    const share = new SeededRandom(seed * 10_007 + index).below(1000) / 1000
    const at = turn < spread ? ((turn + share) / spread) * (lines.length - 1) : lines.length
    return { number: index + 1, operation, ...momentAt(operation, lines, at) }
  })
}

/** `at`: lines, and a fraction of what follows the last of them. Beyond the last line it is when the operation is done. */
function momentAt(operation: string, lines: readonly DryLine[], at: number): Pick<Kill, 'strike' | 'what' | 'gapMs'> {
  const before = Math.floor(at)
  const [here, next] = [lines[before], lines[before + 1]]
  return {
    strike: { phase: operation === 'recover' ? 'recover' : 'operate', line: before + 1, fraction: at - before },
    what: here?.what ?? 'when it is done',
    gapMs: here && next ? next.ms - here.ms : 0,
  }
}

export const describeKill = ({ number, operation, strike, what }: Kill): string =>
  `kill ${number}: ${operation}, line ${strike.line} + ${strike.fraction.toFixed(2)} (${what})`

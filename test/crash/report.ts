import type { PairRow, Row, Told } from './explore.ts'

export interface Report {
  readonly rows: readonly Row[]
  readonly pairs: readonly PairRow[]
  readonly seconds: number
}

const HEADER = [
  'operation',
  'mechanism',
  'deaths',
  'second',
  'states',
  'recoveries',
  'faults',
  'run',
  'twice',
  'violations',
]

/** What is told in full; the others are counted. */
const TOLD = 10

export function toText(report: Report): string {
  const rows = report.rows.map(row => [row.operation, row.mechanism, ...numbers(row)])
  const table = [HEADER, ...rows, ['total', '', ...numbers(totalOf(report))]]
  const widths = HEADER.map((_, column) => Math.max(...table.map(row => row[column]?.length ?? 0)))
  const lines = table.map(row =>
    row
      .map((cell, at) => pad(cell, widths[at] ?? 0, at))
      .join('  ')
      .trimEnd(),
  )
  return [...lines, '', ...notes(report), '', ...toldLines(violationsOf(report))].join('\n')
}

const pad = (cell: string, width: number, column: number) => (column < 2 ? cell.padEnd(width) : cell.padStart(width))

type Counts = Omit<Row, 'operation' | 'mechanism' | 'violations'> & { readonly violations: readonly unknown[] }

const numbers = (row: Counts): readonly string[] =>
  [
    row.points,
    row.secondPoints,
    row.states,
    row.recoveries,
    row.faults,
    row.faultRuns,
    row.twice,
    row.violations.length,
  ].map(String)

export function totalOf(report: Report): Counts {
  const sum = (of: (row: Row) => number) => report.rows.reduce((total, row) => total + of(row), 0)
  return {
    points: sum(row => row.points),
    secondPoints: sum(row => row.secondPoints),
    states: sum(row => row.states),
    recoveries: sum(row => row.recoveries),
    faults: sum(row => row.faults),
    faultRuns: sum(row => row.faultRuns),
    twice: sum(row => row.twice),
    violations: violationsOf(report),
  }
}

export const violationsOf = ({ rows, pairs }: Report): readonly Told[] =>
  [...rows, ...pairs].flatMap(({ violations }) => violations)

/** Of all kinds, as the operations have them. */
export function pointsOf(report: Report): number {
  const { points, secondPoints, faults, twice } = totalOf(report)
  return points + secondPoints + faults + twice + report.pairs.reduce((sum, row) => sum + row.points, 0)
}

function notes(report: Report): readonly string[] {
  const pairs = report.pairs.reduce((sum, row) => sum + row.pairs, 0)
  const points = pointsOf(report)
  return [
    `${points} points in ${report.seconds.toFixed(1)} s, ${Math.round(points / report.seconds)} a second; ${pairs} pairs of operations at once.`,
    'deaths: each effect, before it, after it and after its outcome is recorded, by a kill and by a power cut, with no volume slow and with each. second: the same in each recovery.',
    'states: what these deaths leave, and any number of further ones; equal states are recovered from once (recoveries), then live on and are deleted.',
    'faults: each effect and look failing, hanging, or answering with an error although done; run: those that are not the same as another.',
    'twice: verbs that were called a second time.',
  ]
}

function toldLines(violations: readonly Told[]): readonly string[] {
  if (violations.length === 0) return ['No violation.']
  const lines = violations
    .slice(0, TOLD)
    .flatMap(({ operation, mechanism, where, told, point }) => [
      `VIOLATED ${operation}, ${mechanism}: ${where}`,
      ...told.map(each => `    ${each}`),
      ...(point === undefined
        ? []
        : [`    again: npm run crash -- --only '${operation}' --mechanism ${mechanism} --point ${point}`]),
    ])
  const more = violations.length - TOLD
  return [...lines, ...(more > 0 ? [`and ${more} more`] : [])]
}

/** For machines. */
export function toJson(report: Report): string {
  const { rows, pairs, seconds } = report
  const total = totalOf(report)
  const all = { ...total, all: pointsOf(report), seconds, violations: total.violations.length }
  return `${JSON.stringify({ total: all, rows, pairs }, undefined, 2)}\n`
}

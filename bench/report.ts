import { type Measurement, ratioOf } from './bench.ts'

/** What was measured, as it is written to a file. */
export const toJson = (measurements: readonly Measurement[]): string => {
  const entries = measurements.map(measurement => {
    const { name, ours, peer, unit, note, target } = measurement
    const aim = target === undefined ? '' : `; target: ratio at most ${target}`
    return {
      name,
      ours: round(ours),
      peer: round(peer),
      ratio: round(ratioOf(measurement)),
      unit,
      note: `${note}${aim}`,
    }
  })
  return `${JSON.stringify(entries, undefined, 2)}\n`
}

export interface NotMeasured {
  readonly name: string
  readonly reason: string
}

const HEADER = ['bench', 'ours', 'peer', 'unit', 'ratio', 'target', '']

/** A table for people, and below it what each line means. */
export function toTable(measurements: readonly Measurement[], missing: readonly NotMeasured[]): string {
  const rows = measurements.map(measurement => {
    const { name, ours, peer, unit, target } = measurement
    const aim = target === undefined ? '' : `≤ ${target}`
    return [name, show(ours), show(peer), unit, show(ratioOf(measurement)), aim, verdict(measurement)]
  })
  const table = [HEADER, ...rows]
  const widths = HEADER.map((_, column) => Math.max(...table.map(row => row[column]?.length ?? 0)))
  const lines = table.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const notes = measurements.map(({ name, note }) => `${name}: ${note}`)
  const skipped = missing.map(({ name, reason }) => `NOT MEASURED ${name}: ${reason}`)
  return [...lines, '', ...notes, ...skipped, ''].join('\n')
}

function verdict(measurement: Measurement): string {
  const { target } = measurement
  if (target === undefined) return ''
  return ratioOf(measurement) <= target ? 'met' : 'MISSED'
}

const round = (value: number): number => Number(value.toPrecision(4))

const show = (value: number): string => String(Number(value.toPrecision(3)))

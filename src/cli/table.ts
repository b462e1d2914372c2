import { type Paint, paintStatus } from './style.ts'
import { displayWidth, safeText } from './terminal-text.ts'

export interface Column<T> {
  readonly header: string
  readonly value: (row: T) => string | number
  readonly align?: 'right'
  /** Paint it as a status word. */
  readonly status?: boolean
}

const pad = (text: string, width: number, align: 'right' | undefined): string => {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'right' ? space + text : text + space
}

/** Rows under upper-case headers, aligned by display width, two spaces between columns, nothing at line ends. */
export function formatTable<T>(rows: readonly T[], columns: readonly Column<T>[], paint: Paint): string {
  const cells = rows.map(row => columns.map(column => safeText(String(column.value(row)))))
  const widths = columns.map(({ header }, index) =>
    Math.max(header.length, ...cells.map(line => displayWidth(line[index] ?? ''))),
  )
  const line = (texts: readonly string[], style: (text: string, index: number) => string): string =>
    texts
      .map((text, index) => {
        const last = index === texts.length - 1 && columns[index]?.align === undefined
        return style(last ? text : pad(text, widths[index] ?? 0, columns[index]?.align), index)
      })
      .join('  ')
      .trimEnd()
  const header = line(
    columns.map(column => column.header.toUpperCase()),
    text => paint('bold', text),
  )
  const body = cells.map(row => line(row, (text, index) => (columns[index]?.status ? paintStatus(paint, text) : text)))
  return [header, ...body].map(text => `${text}\n`).join('')
}

export type FieldRow = readonly [name: string, value: string | number | boolean | null | undefined]

/** One field a line; `-` where there is no value. A value of several lines goes on under itself. */
export function formatFields(fields: readonly FieldRow[], paint: Paint): string {
  const width = Math.max(...fields.map(([name]) => name.length))
  const indent = ' '.repeat(width + 2)
  return fields
    .map(([name, value]) => {
      const text = value === null || value === undefined || value === '' ? '-' : String(value)
      const lines = text.split('\n').map(safeText)
      const shown = name === 'status' || name === 'state' ? lines.map(line => paintStatus(paint, line)) : lines
      return `${paint('bold', pad(name, width, undefined))}  ${shown.join(`\n${indent}`)}\n`
    })
    .join('')
}

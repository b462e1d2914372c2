import { HoldfastError } from '#src/core/error.ts'
import type { DatabaseDescription } from '#src/host/sqlite/description.ts'

/** One row as it came from the database, read column by column with its type checked. */
export class Row {
  readonly #row: Readonly<Record<string, unknown>>
  readonly #database: DatabaseDescription

  constructor(row: Readonly<Record<string, unknown>>, database: DatabaseDescription) {
    this.#row = row
    this.#database = database
  }

  text(column: string): string {
    return this.textOrNull(column) ?? this.#refuse(column, 'a text')
  }

  textOrNull(column: string): string | null {
    const value = this.#row[column]
    if (value === null || typeof value === 'string') return value
    return this.#refuse(column, 'a text')
  }

  integer(column: string): number {
    return this.integerOrNull(column) ?? this.#refuse(column, 'an integer')
  }

  integerOrNull(column: string): number | null {
    const value = this.#row[column]
    if (value === null || Number.isSafeInteger(value)) return value as number | null
    return this.#refuse(column, 'an integer')
  }

  truth(column: string): boolean {
    return this.integer(column) !== 0
  }

  oneOf<T extends string>(column: string, words: readonly T[]): T {
    const value = this.text(column)
    return words.find(word => word === value) ?? this.#refuse(column, `one of ${words.join(', ')}`)
  }

  json(column: string): unknown {
    try {
      return JSON.parse(this.text(column))
    } catch {
      return this.#refuse(column, 'JSON')
    }
  }

  /** A JSON object whose values are texts. */
  texts(column: string): Readonly<Record<string, string>> {
    const value = this.json(column)
    const pairs =
      typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined
    if (pairs?.every(([, text]) => typeof text === 'string')) return Object.fromEntries(pairs)
    return this.#refuse(column, 'an object of texts')
  }

  #refuse(column: string, wanted: string): never {
    const { path, noun, restoreHint } = this.#database
    const what = `column ${column} of row ${String(this.#row.id).slice(0, 60)} is not ${wanted}`
    throw new HoldfastError('corrupt', 'state-corrupt', `the ${noun} ${path} holds what it must not: ${what}`, {
      details: { hint: restoreHint },
    })
  }
}

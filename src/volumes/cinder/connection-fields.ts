import { connectionTrouble } from './connection-errors.ts'

const TEXT_LIMIT = 4096

/** Reads fields of one volume's connection info: of the wrong type is malformed, of the wrong look is unsafe. */
export class ConnectionFields {
  readonly #volume: string
  readonly #raw: Readonly<Record<string, unknown>>

  constructor(volume: string, raw: Readonly<Record<string, unknown>>) {
    this.#volume = volume
    this.#raw = raw
  }

  has(name: string): boolean {
    return (this.#raw[name] ?? undefined) !== undefined
  }

  value(name: string): unknown {
    return this.#raw[name]
  }

  malformed(name: string, expected: string) {
    return connectionTrouble('malformed', this.#volume, `has no ${expected} '${name}'`, { value: this.#raw[name] })
  }

  unsafe(name: string, expected: string, value: unknown = this.#raw[name]) {
    return connectionTrouble('unsafe', this.#volume, `must have ${expected} as '${name}'`, { value })
  }

  /** `looks`: what it must look like in full; `expected`: that, in words. */
  text(name: string, looks: RegExp, expected: string): string {
    return this.#checked(name, this.#raw[name], looks, expected)
  }

  optionalText(name: string, looks: RegExp, expected: string): string | undefined {
    return this.has(name) ? this.text(name, looks, expected) : undefined
  }

  texts(name: string, looks: RegExp, expected: string): readonly string[] {
    return this.list(name).map(value => this.#checked(name, value, looks, expected))
  }

  list(name: string): readonly unknown[] {
    const value = this.#raw[name]
    if (Array.isArray(value) && value.length > 0 && value.length <= 64) return value
    throw this.malformed(name, 'list of 1 to 64')
  }

  #checked(name: string, value: unknown, looks: RegExp, expected: string): string {
    if (typeof value !== 'string') throw this.malformed(name, 'text')
    if (value.length <= TEXT_LIMIT && looks.test(value)) return value
    throw this.unsafe(name, expected, value)
  }

  /** False if it is absent. */
  flag(name: string): boolean {
    const value = this.#raw[name] ?? false
    if (typeof value === 'boolean') return value
    throw this.malformed(name, 'boolean')
  }

  /** As a number, or as digits. */
  ports(name: string): readonly string[] {
    return this.list(name).map(value => {
      const digits = typeof value === 'number' ? String(value) : value
      if (typeof digits !== 'string') throw this.malformed(name, 'list of ports')
      if (/^\d{1,5}$/.test(digits) && Number(digits) >= 1 && Number(digits) <= 65_535) return String(Number(digits))
      throw this.unsafe(name, 'ports from 1 to 65535', value)
    })
  }

  /** Never shown. Undefined if it is absent or empty. */
  secret(name: string, looks: RegExp, expected: string): string | undefined {
    const value = this.#raw[name] ?? ''
    if (value === '') return undefined
    if (typeof value === 'string' && value.length <= TEXT_LIMIT && looks.test(value)) return value
    throw connectionTrouble('unsafe', this.#volume, `must have ${expected} as '${name}' (its value is not shown)`)
  }
}

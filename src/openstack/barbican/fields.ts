import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import type { ServiceReply } from '../service-client.ts'

export type Fields = Readonly<Record<string, unknown>>

/** An answer of the key manager, read field by field: what is not as documented is refused with the request's id. */
export class AnswerReader {
  readonly #what: string
  readonly #requestId: string | undefined

  /** @param what names the answer in errors: `secret 6a1c…` */
  constructor(what: string, reply: ServiceReply) {
    this.#what = what
    this.#requestId = reply.requestId
  }

  object(value: unknown): Fields {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
    throw this.malformed('is not an object')
  }

  list(fields: Fields, name: string): readonly unknown[] {
    const value = fields[name]
    if (Array.isArray(value)) return value
    throw this.malformed(`has no list '${name}'`)
  }

  text(fields: Fields, name: string): string {
    const value = fields[name]
    if (typeof value === 'string' && value !== '') return value
    throw this.malformed(`has no text '${name}'`)
  }

  /** Undefined for an absent, null or empty one. */
  optionalText(fields: Fields, name: string): string | undefined {
    const value = fields[name] ?? ''
    if (typeof value !== 'string') throw this.malformed(`has a '${name}' that is no text`)
    return value === '' ? undefined : value
  }

  /** Not negative. Undefined for an absent or null one. */
  optionalCount(fields: Fields, name: string): number | undefined {
    const value = fields[name] ?? undefined
    if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0))
      return value as number | undefined
    throw this.malformed(`has a '${name}' that is no count`)
  }

  count(fields: Fields, name: string): number {
    const value = this.optionalCount(fields, name)
    if (value !== undefined) return value
    throw this.malformed(`has no count '${name}'`)
  }

  /** As Barbican writes it, UTC without a zone: `2026-11-22T11:58:02`, with or without a fraction. Milliseconds since 1970. */
  optionalTime(fields: Fields, name: string): number | undefined {
    const text = this.optionalText(fields, name)
    if (text === undefined) return undefined
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?$/.test(text) ? Date.parse(`${text}Z`) : Number.NaN
    if (Number.isNaN(time)) throw this.malformed(`has a '${name}' that is no time`)
    return time
  }

  /** Of a reference such as `https://host/v1/secrets/<id>` the id, which must be a UUID; the rest is not looked at. */
  idOf(fields: Fields, name: string, collection: 'secrets' | 'orders'): string {
    const [id = '', folder] = this.text(fields, name).replace(/\/$/, '').split('/').reverse()
    if (folder === collection && isUuid(id)) return id
    throw this.malformed(`has a '${name}' that names none of its ${collection}`)
  }

  malformed(why: string): HoldfastError {
    return new HoldfastError('unavailable', 'reply-malformed', `the key manager's answer about ${this.#what} ${why}`, {
      details: { requestId: this.#requestId, hint: 'check what answers at the endpoint of the key manager' },
    })
  }
}

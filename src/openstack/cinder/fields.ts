import { HoldfastError } from '#src/core/error.ts'
import type { ServiceReply } from '../service-client.ts'

export type Fields = Readonly<Record<string, unknown>>

/**
 * Where in which answer one is, for the complaint: `volume 17 of the reply`. Made once for an answer; `index` moves on with the
 * items, so that reading thousands makes nothing but them.
 */
export class At {
  readonly #what: string
  readonly #requestId: string | undefined
  index: number | undefined

  constructor(what: string, reply: Pick<ServiceReply, 'requestId'>) {
    this.#what = what
    this.#requestId = reply.requestId
  }

  /** Says what was expected and what kind of thing came, and not its content, which may be secret. */
  malformed(field: string, expected: string, found: unknown): HoldfastError {
    const which = this.index === undefined ? `the ${this.#what}` : `${this.#what} ${this.index + 1}`
    return new HoldfastError(
      'unavailable',
      'reply-malformed',
      `${which} that the volume service answered has no ${expected} '${field}', but ${kindOf(found)}`,
      { details: { requestId: this.#requestId, hint: 'does something else answer in its place?' } },
    )
  }
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

export function object(value: unknown, field: string, at: At): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw at.malformed(field, 'object', value)
}

export function list(value: unknown, field: string, at: At): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw at.malformed(field, 'list', value)
}

/** Not empty. */
export function text(value: unknown, field: string, at: At): string {
  if (typeof value === 'string' && value !== '') return value
  throw at.malformed(field, 'text', value)
}

/** Null for one that is absent. */
export function textOrNull(value: unknown, field: string, at: At): string | null {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return null
  throw at.malformed(field, 'text', value)
}

/** Not negative. */
export function count(value: unknown, field: string, at: At): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw at.malformed(field, 'count', value)
}

export function countOrNull(value: unknown, field: string, at: At): number | null {
  return value === null || value === undefined ? null : count(value, field, at)
}

export function integer(value: unknown, field: string, at: At): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw at.malformed(field, 'integer', value)
}

export function flag(value: unknown, field: string, at: At): boolean {
  if (typeof value === 'boolean') return value
  throw at.malformed(field, 'boolean', value)
}

const TRUE = /^(1|t|true|on|y|yes)$/i

/** A boolean that may be sent as a word, as `bootable` is (oslo.utils `bool_from_string`). */
export function flagOrWord(value: unknown, field: string, at: At): boolean {
  if (value === 'false') return false
  if (typeof value === 'boolean') return value
  if (typeof value === 'string') return TRUE.test(value)
  throw at.malformed(field, 'boolean', value)
}

const NOTHING: Readonly<Record<string, string>> = {}

/** Names and texts; nothing for one that is absent. */
export function texts(value: unknown, field: string, at: At): Readonly<Record<string, string>> {
  if (value === null || value === undefined) return NOTHING
  const fields = object(value, field, at)
  for (const name in fields) {
    if (typeof fields[name] !== 'string') throw at.malformed(`${field}.${name.slice(0, 60)}`, 'text', fields[name])
  }
  return fields as Readonly<Record<string, string>>
}

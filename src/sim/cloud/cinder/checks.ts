import { isObject } from '../exchange.ts'
import { badRequest, type CinderCall } from './call.ts'

type Fields = Readonly<Record<string, unknown>>

const shown = (value: unknown): string =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : `${value}`

const invalid = (name: string, value: unknown, why: string) =>
  badRequest(`Invalid input for field/attribute ${name}. Value: ${shown(value)}. ${why}`)

/** The object in the body under this name, which has these fields, and none that are not known. */
export function fieldsOf(
  { body }: Pick<CinderCall, 'body'>,
  name: string,
  required: readonly string[],
  known?: readonly string[],
): Fields {
  const fields = isObject(body) ? body[name] : undefined
  if (!isObject(fields)) throw badRequest(`'${name}' is a required property`)
  for (const each of required) {
    if (!(each in fields)) throw invalid(name, fields, `'${each}' is a required property`)
  }
  for (const each of Object.keys(fields)) {
    if (known && !known.includes(each)) {
      throw invalid(name, fields, `Additional properties are not allowed ('${each}' was unexpected)`)
    }
  }
  return fields
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Undefined for one that is left out. */
export function uuidIn(fields: Fields, name: string, options: { orNull?: boolean } = {}): string | undefined {
  const value = fields[name]
  if (value === undefined || (value === null && options.orNull)) return undefined
  if (typeof value === 'string' && UUID.test(value)) return value
  throw invalid(name, value, `'${shown(value)}' is not a 'uuid'`)
}

/** GiB; undefined for one that is left out or null. */
export function sizeIn(fields: Fields, name: string): number | undefined {
  const value = fields[name] ?? undefined
  if (value === undefined) return undefined
  if (typeof value === 'string' && !/^[0-9]+$/.test(value)) {
    throw invalid(name, value, `'${value}' does not match '^[0-9]+$'`)
  }
  const size = Number(value)
  if (!Number.isInteger(size)) throw invalid(name, value, `${shown(value)} is not of type 'integer', 'string'`)
  if (size >= 1) return size
  throw invalid(name, value, `${size} is less than the minimum of 1`)
}

/** Null for one that is left out. */
export function textIn(fields: Fields, name: string): string | null {
  const value = fields[name] ?? null
  if (value === null || (typeof value === 'string' && value.length <= 255)) return value
  throw invalid(name, value, `${shown(value)} is not of type 'string', 'null'`)
}

export function wordIn<Word extends string>(fields: Fields, name: string, words: readonly Word[]): Word | undefined {
  const value = fields[name]
  if (value === undefined) return undefined
  const word = words.find(each => each === value)
  if (word !== undefined) return word
  throw invalid(name, value, `'${shown(value)}' is not one of [${words.map(each => `'${each}'`).join(', ')}]`)
}

export function booleanIn(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false
  if (typeof value === 'boolean') return value
  if (typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true'
  throw invalid(name, value, `${shown(value)} is not of type 'boolean'`)
}

export function metadataIn(fields: Fields): Record<string, string> {
  const value = fields.metadata ?? {}
  if (!isObject(value)) throw invalid('metadata', value, `${shown(value)} is not of type 'object', 'null'`)
  for (const [name, each] of Object.entries(value)) {
    if (typeof each !== 'string') throw invalid(name, each, `${shown(each)} is not of type 'string'`)
  }
  return { ...(value as Record<string, string>) }
}

/** A connector that says something. */
export function connectorIn(fields: Fields): Record<string, unknown> {
  const value = fields.connector
  if (!isObject(value)) throw invalid('connector', value, `${shown(value)} is not of type 'object'`)
  if (Object.keys(value).length === 0) throw invalid('connector', '{}', '{} does not have enough properties')
  return value
}

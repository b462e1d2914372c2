import { HoldfastError } from '#src/core/error.ts'

/** Checks of what a service answered. `where` names the field in the complaint. */

export type JsonObject = Readonly<Record<string, unknown>>

export const malformed = (where: string, expected: string) =>
  new HoldfastError('unavailable', 'reply-malformed', `${where} is not ${expected}`)

export function object(value: unknown, where: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw malformed(where, 'an object')
}

export function array(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw malformed(where, 'a list')
}

export function text(value: unknown, where: string): string {
  if (typeof value === 'string') return value
  throw malformed(where, 'a text')
}

export const optionalText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

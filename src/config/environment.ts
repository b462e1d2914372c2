import { resolve } from 'node:path'
import { HoldfastError } from '#src/core/error.ts'
import { allowedText, type Field, type FieldValue } from './field.ts'
import { FIELDS } from './fields.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The fields that the environment sets, by key. An empty variable counts as unset. Relative paths are taken from `cwd`.
 * @throws HoldfastError `config-invalid` naming the variable and what is allowed
 */
export function fieldsFromEnvironment(env: Environment, cwd: string): ReadonlyMap<string, FieldValue> {
  const values = new Map<string, FieldValue>()
  for (const field of FIELDS) {
    const text = env[field.variable]
    if (text !== undefined && text !== '') values.set(field.key, parse(field, text, cwd))
  }
  return values
}

function parse(field: Field, text: string, cwd: string): FieldValue {
  const { kind } = field
  if (kind.type === 'path') return resolve(cwd, text)
  if (kind.type === 'text' && text.length <= kind.maxLength) return text
  if (kind.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  if (kind.type === 'choice' && kind.choices.includes(text)) return text
  if (kind.type === 'integer' && /^-?\d{1,15}$/.test(text)) {
    const value = Number(text)
    if (value >= kind.minimum && value <= kind.maximum) return value
  }
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
  throw new HoldfastError(
    'invalid-input',
    'config-invalid',
    `environment variable ${field.variable} is ${shown}, but must be ${allowedText(kind)}`,
  )
}

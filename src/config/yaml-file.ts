import { readFile } from 'node:fs/promises'
import { HoldfastError } from '#src/core/error.ts'
import { closest } from './closest.ts'

/** Longest file that is read; a configuration of every field has 1 KiB. */
const MAX_BYTES = 256 * 1024

/**
 * The JSON Schema words that our files need. `description` says what is allowed, for messages; objects refuse unknown
 * keys by `additionalProperties: false`.
 */
export interface FileSchema {
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, FileSchema>>
  readonly additionalProperties?: false
  readonly items?: FileSchema
  readonly required?: readonly string[]
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly maxItems?: number
}

const invalid = (code: string, message: string, hint?: string, cause?: unknown): HoldfastError =>
  new HoldfastError('invalid-input', code, message, { cause, details: { hint } })

/** The text of a file; undefined if there is none. */
export async function readTextFile(path: string, code: string): Promise<string | undefined> {
  try {
    const bytes = await readFile(path)
    if (bytes.length > MAX_BYTES) throw invalid(code, `${path} is longer than ${MAX_BYTES} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    if (error instanceof TypeError) throw invalid(code, `${path} is not UTF-8 text`, undefined, error)
    const why = error instanceof Error ? error.message : String(error)
    throw invalid(code, `cannot read ${path}: ${why}`, undefined, error)
  }
}

/**
 * Parses YAML as data alone: YAML 1.2 core types, no tags of any kind beyond them, no aliases, no repeated keys, one
 * document. An empty file is an empty object.
 * @throws HoldfastError with the given code, naming the file and the line
 */
export async function parseYaml(path: string, text: string, code: string): Promise<unknown> {
  const { LineCounter, parseDocument } = await import('yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, {
    schema: 'core',
    merge: false,
    strict: true,
    uniqueKeys: true,
    lineCounter: lines,
    prettyErrors: false,
  })
  const problem = document.errors[0] ?? document.warnings[0]
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0])
    throw invalid(code, `${path} line ${line}, column ${col}: ${problem.message}`)
  }
  try {
    return document.toJS({ maxAliasCount: 0 }) ?? {}
  } catch (error) {
    throw invalid(code, `${path}: aliases (*name) are not allowed`, 'write the value where it is needed', error)
  }
}

/**
 * Checks parsed data against a schema.
 * @throws HoldfastError with the given code, naming the file, the field and what is allowed there
 */
export async function checkShape(path: string, schema: FileSchema, value: unknown, code: string): Promise<void> {
  const { Errors } = await import('typebox/schema')
  const [, errors] = Errors(schema as Record<string, unknown>, value)
  const first = errors.find(error => error.keyword !== 'boolean')
  if (first === undefined) return
  const field = first.instancePath.split('/').slice(1).map(unescapePointer)
  const at = schemaAt(schema, field)
  if (first.keyword === 'additionalProperties') throw unknownField(path, field, at, first.params, code)
  if (first.keyword === 'required') throw missingField(path, field, at, first.params, code)
  throw invalid(
    code,
    `${path}: field ${fieldName(field)} is ${shown(valueAt(value, field))}, but must be ${at?.description ?? first.message}`,
  )
}

function unknownField(
  path: string,
  field: readonly string[],
  at: FileSchema | undefined,
  params: unknown,
  code: string,
) {
  const names = list(params, 'additionalProperties')
  const known = Object.keys(at?.properties ?? {})
  const near = closest(names[0] ?? '', known)
  const where = fieldName([...field, names[0] ?? ''])
  const hint = `${near === undefined ? '' : `did you mean ${near}? `}allowed: ${known.join(', ')}`
  return invalid(code, `${path}: unknown field ${where}`, hint)
}

function missingField(
  path: string,
  field: readonly string[],
  at: FileSchema | undefined,
  params: unknown,
  code: string,
) {
  const name = list(params, 'requiredProperties')[0] ?? ''
  const allowed = at?.properties?.[name]?.description
  return invalid(
    code,
    `${path}: field ${fieldName([...field, name])} is missing`,
    allowed === undefined ? undefined : `it must be ${allowed}`,
  )
}

function list(params: unknown, key: string): readonly string[] {
  const found =
    typeof params === 'object' && params !== null ? Object.entries(params).find(([name]) => name === key) : undefined
  return Array.isArray(found?.[1]) ? found[1].map(String) : []
}

const unescapePointer = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~')

const fieldName = (field: readonly string[]): string =>
  field.length === 0
    ? 'at the top'
    : field.map((part, index) => (/^\d+$/.test(part) ? `[${part}]` : index === 0 ? part : `.${part}`)).join('')

/** A value for a message: short, on one line. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

function valueAt(value: unknown, field: readonly string[]): unknown {
  return field.reduce<unknown>(
    (inner, part) =>
      typeof inner === 'object' && inner !== null ? Object.getOwnPropertyDescriptor(inner, part)?.value : undefined,
    value,
  )
}

function schemaAt(schema: FileSchema | undefined, field: readonly string[]): FileSchema | undefined {
  const [part, ...rest] = field
  if (schema === undefined || part === undefined) return schema
  return schemaAt(schema.items ?? schema.properties?.[part], rest)
}

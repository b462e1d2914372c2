/** What a field may hold. */
export type FieldKind =
  | { readonly type: 'path' }
  | { readonly type: 'text'; readonly maxLength: number }
  | { readonly type: 'boolean' }
  | { readonly type: 'integer'; readonly minimum: number; readonly maximum: number }
  | { readonly type: 'choice'; readonly choices: readonly string[] }

export type FieldValue = string | number | boolean

/** One configurable field: its place in the file, its environment variable, what it may hold and what it means. */
export interface Field {
  /** Key in the YAML file; a dot leads into a section. */
  readonly key: string
  readonly variable: string
  readonly kind: FieldKind
  /** Undefined: found at start, as `defaultText` says. */
  readonly fallback?: FieldValue | undefined
  readonly defaultText?: string | undefined
  readonly meaning: string
}

/** What a field may hold, in words. */
export function allowedText(kind: FieldKind): string {
  switch (kind.type) {
    case 'path':
      return 'an absolute path'
    case 'text':
      return `a text of 1 to ${kind.maxLength} characters`
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `an integer from ${kind.minimum} to ${kind.maximum}`
    case 'choice':
      return `one of ${kind.choices.join(', ')}`
  }
}

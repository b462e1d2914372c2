import type { SourceFacts } from '#src/connectors/connector.ts'
import type { Danger, Finding, Mend } from '../../host-api.ts'

/** What `fix` does for a finding. Each is safe to repeat, and none deletes data. */
export type Act =
  | { readonly do: 'resume-operation'; readonly operationId: string }
  | { readonly do: 'resume-instance'; readonly instanceId: string }
  | { readonly do: 'tear-down'; readonly instanceId: string }
  | {
      readonly do: 'lock'
      readonly mechanism: 'dm-crypt' | 'native'
      readonly volumeId: string
      readonly luksUuid?: string | undefined
    }
  | { readonly do: 'remove-source'; readonly source: SourceFacts }
  | {
      readonly do: 'release'
      readonly attachmentId: string
      readonly volumeId: string
      readonly cloud?: string | undefined
    }
  | { readonly do: 'keep-attached'; readonly volumeId: string; readonly cloud?: string | undefined }

/** A finding together with what mends it. */
export interface Diagnosis extends Finding {
  readonly act?: Act | undefined
}

interface Difference {
  readonly code: string
  /** Of all findings of this code, this one. */
  readonly key: string
  readonly danger: Danger
  readonly object: string
  readonly owner: string
  readonly message: string
}

const made = (difference: Difference, mend: Mend, act?: Act): Diagnosis => {
  const { code, key, danger, object, owner, message } = difference
  return { id: `${code}:${key}`, code, danger, object, owner, message, mend, act }
}

/** Holdfast can mend it by itself. */
export const fixable = (difference: Difference, title: string, steps: readonly string[], act: Act): Diagnosis =>
  made(difference, { by: 'fix', title, steps }, act)

/** The operator must decide: a guest would be disturbed, or whose it is cannot be known. */
export const operators = (difference: Difference, title: string, commands: readonly string[]): Diagnosis =>
  made(difference, { by: 'operator', title, commands })

/** There is nothing to do. */
export const harmless = (difference: Omit<Difference, 'danger'>, danger: Danger = 'none'): Diagnosis =>
  made({ ...difference, danger }, { by: 'nobody' })

export const FOREIGN = "not Holdfast's"

const ORDER: readonly Danger[] = ['high', 'medium', 'low', 'none']

export const byDanger = (a: Diagnosis, b: Diagnosis): number =>
  ORDER.indexOf(a.danger) - ORDER.indexOf(b.danger) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

import { HoldfastError } from '#src/core/error.ts'

/** Values that may go into a domain's XML. @throws HoldfastError `invalid-domain` (invalid-input) */
export function matching(what: string, value: string, pattern: RegExp): string {
  if (pattern.test(value)) return value
  throw invalid(what, JSON.stringify(value.slice(0, 60)))
}

export const absolute = (what: string, path: string): string => matching(`${what} path`, path, /^\//)

export function count(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw invalid(what, String(value))
}

export const invalid = (what: string, shown: string) =>
  new HoldfastError('invalid-input', 'invalid-domain', `${what} ${shown} cannot be put into a domain`)

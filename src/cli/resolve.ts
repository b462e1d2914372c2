import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'

/** Something that can be named on the command line. */
export interface Named {
  readonly id: string
  readonly name?: string | null | undefined
}

export interface ResolveOptions {
  /** Refuse a prefix of a name, and of an id unless it has 8 characters: for what cannot be taken back. */
  readonly strict?: boolean | undefined
}

const STRICT_PREFIX = 8

/**
 * What a text on the command line means: the id, else the name, else the only one whose id or name begins with it.
 * @throws HoldfastError `ambiguous-name` (conflict) listing the candidates; `<what>-not-found`
 */
export function resolveOne<T extends Named>(
  what: string,
  text: string,
  candidates: readonly T[],
  options: ResolveOptions = {},
): T {
  const byId = candidates.find(({ id }) => id === text)
  if (byId !== undefined) return byId
  const named = candidates.filter(({ name }) => name === text)
  const near = named.length > 0 || text === '' ? [] : candidates.filter(one => begins(one, text))
  const allowed = options.strict ? near.filter(({ id }) => text.length >= STRICT_PREFIX && id.startsWith(text)) : near
  const found = named.length > 0 ? named : allowed
  const [one, ...others] = found
  if (one !== undefined && others.length === 0) return one
  if (one !== undefined) throw ambiguous(what, text, found)
  throw notFound(what, text, near)
}

const begins = ({ id, name }: Named, text: string): boolean => id.startsWith(text) || (name?.startsWith(text) ?? false)

const described = ({ id, name }: Named): string => (name ? `${id} (${name})` : id)

function ambiguous(what: string, text: string, found: readonly Named[]): HoldfastError {
  const shown = found.slice(0, 10).map(described)
  const rest = found.length > shown.length ? ` and ${found.length - shown.length} more` : ''
  return new HoldfastError(
    'conflict',
    'ambiguous-name',
    `${JSON.stringify(text)} could mean ${found.length} ${what}s: ${shown.join(', ')}${rest}`,
    { details: { hint: 'give the id, or enough of it' } },
  )
}

function notFound(what: string, text: string, near: readonly Named[]): HoldfastError {
  const [only] = near
  const meant =
    only === undefined
      ? `holdfast ${what === 'volume type' ? 'volume type' : what} list shows what there is`
      : `did you mean ${described(only)}? This verb takes no abbreviated name: give all of it, or the id`
  const code = `${what.replace(' ', '-')}-not-found`
  return new HoldfastError('not-found', code, `there is no ${what} ${JSON.stringify(text)}`, {
    details: { hint: meant },
  })
}

/** Resolves by the service's `get` when the text is a whole id, and by the list otherwise. */
export async function resolveBy<T extends Named>(
  what: string,
  text: string,
  source: { readonly get: (id: string) => Promise<T>; readonly all: () => Promise<readonly T[]> },
  options: ResolveOptions = {},
): Promise<T> {
  if (isUuid(text)) return source.get(text)
  return resolveOne(what, text, await source.all(), options)
}

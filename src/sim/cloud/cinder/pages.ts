import { VOLUME } from '../places.ts'
import { badRequest, type CinderCall, notFound } from './call.ts'

interface Listed {
  readonly id: string
}

/** One page of rows by `limit`, `marker` and `sort`, the newest first unless told. */
export function pageOf<Row extends Listed>(
  { query, state }: CinderCall,
  rows: readonly Row[],
  what: string,
): { readonly page: readonly Row[]; readonly more: boolean } {
  const newestFirst = !/^(created_at|id):asc$/.test(query.get('sort') ?? '')
  const sorted = newestFirst ? rows.toReversed() : rows
  const marker = query.get('marker')
  const at = marker === null ? -1 : sorted.findIndex(({ id }) => id === marker)
  if (marker !== null && at < 0) throw notFound(`${what} ${marker} could not be found.`)
  const limit = Math.min(limitOf(query), state.settings.pageLimit)
  const page = sorted.slice(at + 1, at + 1 + limit)
  return { page, more: page.length === limit && limit > 0 }
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit')
  if (text === null) return Number.POSITIVE_INFINITY
  if (!/^-?\d+$/.test(text)) throw badRequest('limit param must be an integer')
  if (text.startsWith('-')) throw badRequest('limit param must be positive')
  return Number(text)
}

/** Where the page after one that was full is, as `volumes_links` tells it. */
export function nextLink({ caller, query }: CinderCall, path: string, last: Listed | undefined): readonly unknown[] {
  const next = new URLSearchParams(query)
  next.set('marker', last?.id ?? '')
  return [{ rel: 'next', href: `${VOLUME}/v3/${caller.projectId}/${path}?${next}` }]
}

import { HoldfastError } from '#src/core/error.ts'

/** The server's own largest page, unless its operator set another; it cuts what is asked for to that. */
const LIMIT = 100
const MOST_TRIES = 5

export interface Page<T> {
  readonly items: readonly T[]
  /** How many there are on all pages. */
  readonly total: number
}

/**
 * All items of a listing that knows only limit and offset. Each page begins with the last item of the one before: if it is not
 * there, something was deleted meanwhile that shifted the rest, and the listing begins anew.
 * @throws HoldfastError `list-unsettled` (busy)
 */
export async function allPages<T>(
  what: string,
  keyOf: (item: T) => string,
  page: (limit: number, offset: number) => Promise<Page<T>>,
): Promise<readonly T[]> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const items = await onePass(keyOf, page)
    if (items) return items
  }
  throw new HoldfastError(
    'busy',
    'list-unsettled',
    `the list of ${what} changed while it was read, ${MOST_TRIES} times`,
  )
}

async function onePass<T>(
  keyOf: (item: T) => string,
  page: (limit: number, offset: number) => Promise<Page<T>>,
): Promise<readonly T[] | undefined> {
  const items: T[] = []
  for (;;) {
    const last = items.at(-1)
    const { items: next, total } = await page(LIMIT, Math.max(0, items.length - 1))
    const [first, ...rest] = next
    if (last !== undefined && (first === undefined || keyOf(first) !== keyOf(last))) return undefined
    const added = last === undefined ? next : rest
    items.push(...added)
    if (items.length >= total) return items
    if (added.length === 0) return undefined
  }
}

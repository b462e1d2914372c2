import { HoldfastError } from '#src/core/error.ts'
import { isServiceError, type ServiceClient, type ServiceRequest } from '../service-client.ts'
import { At, list, object, text } from './fields.ts'

/** A list of the service. */
export interface Listing<T> {
  readonly path: string
  /** Of the list in the reply: `volumes`. */
  readonly key: string
  /** Of the links to the next page; not every list has them. */
  readonly linksKey?: string | undefined
  /** One item in words: `volume`. */
  readonly what: string
  readonly parse: (value: unknown, at: At) => T
}

export interface ListOptions extends Pick<ServiceRequest, 'query' | 'microversion' | 'deadlineMs' | 'signal'> {
  /** How many to ask for at a time; the service may give fewer (`osapi_max_limit`). */
  readonly pageSize?: number | undefined
}

/** What the service gives at most, unless it is configured otherwise. */
export const PAGE_SIZE = 1000

/** No service is configured to give so few at a time: a shorter page without links is the last. */
const SHORT = 20

/** How far back in the last page to look for an item that is still there, if the last one was deleted meanwhile. */
const STEPS_BACK = 10

/**
 * Page after page, each asked for by the id of the last item; the next one is on its way while one is looked at. Links are never
 * followed: they may lead anywhere, and the token would go with them.
 * @throws HoldfastError `reply-malformed`; `paging-stuck` (unavailable) if a page ends where the one before it ended
 */
export async function* pagesOf<T extends { readonly id: string }>(
  client: ServiceClient,
  listing: Listing<T>,
  options: ListOptions = {},
): AsyncGenerator<readonly T[], void, undefined> {
  const turn = new Turner(client, listing, options)
  let next: Promise<Page | undefined> | undefined = turn.page([])
  try {
    for (;;) {
      const page: Page | undefined = await next
      if (!page) return
      next = undefined
      const ids = turn.ids(page)
      if (turn.goesOn(page)) {
        next = turn.page(ids)
        // It may fail while nobody waits for it; whoever comes for it is told then.
        next.catch(() => {})
      }
      const items = turn.parse(page)
      if (items.length > 0) yield items
      if (!next) return
    }
  } finally {
    turn.stop()
  }
}

/** One item after another. */
export async function* itemsOf<T extends { readonly id: string }>(
  client: ServiceClient,
  listing: Listing<T>,
  options: ListOptions = {},
): AsyncGenerator<T, void, undefined> {
  for await (const page of pagesOf(client, listing, options)) yield* page
}

export async function allOf<T extends { readonly id: string }>(
  client: ServiceClient,
  listing: Listing<T>,
  options: ListOptions = {},
): Promise<readonly T[]> {
  let all: readonly T[] | undefined
  for await (const page of pagesOf(client, listing, options)) all = all ? all.concat(page) : page
  return all ?? []
}

interface Page {
  readonly at: At
  readonly raw: readonly unknown[]
  readonly hasNext: boolean
}

/** Knows where one is in a list. */
class Turner<T extends { readonly id: string }> {
  readonly #client: ServiceClient
  readonly #listing: Listing<T>
  readonly #options: ListOptions
  readonly #size: number
  readonly #markers = new Set<string>()
  readonly #stopped = new AbortController()
  /** Of the page before, if it was asked for again from further back. */
  #known: ReadonlySet<string> | undefined

  constructor(client: ServiceClient, listing: Listing<T>, options: ListOptions) {
    this.#client = client
    this.#listing = listing
    this.#options = options
    this.#size = options.pageSize ?? PAGE_SIZE
  }

  /** Nobody waits any more for what is on its way. */
  stop(): void {
    this.#stopped.abort('stopped')
  }

  /** `ids`: those of the page before. An item that is gone is no marker (404): the one before it is then. */
  async page(ids: readonly string[]): Promise<Page> {
    const marker = ids.at(-1)
    if (marker === undefined) return await this.#ask(undefined)
    if (this.#markers.has(marker)) throw this.#stuck(marker)
    this.#markers.add(marker)
    for (const [back, id] of ids.slice(-STEPS_BACK).reverse().entries()) {
      try {
        const page = await this.#ask(id)
        if (back > 0) this.#known = new Set(ids)
        return page
      } catch (error) {
        if (!isServiceError(error) || error.status !== 404 || back + 1 === Math.min(STEPS_BACK, ids.length)) throw error
      }
    }
    throw this.#stuck(marker)
  }

  async #ask(marker: string | undefined): Promise<Page> {
    const { query, microversion, deadlineMs, signal } = this.#options
    const stopped = this.#stopped.signal
    const reply = await this.#client.send({
      method: 'GET',
      path: this.#listing.path,
      query: { ...query, limit: this.#size, marker },
      microversion,
      deadlineMs,
      signal: signal ? AbortSignal.any([signal, stopped]) : stopped,
    })
    const at = new At('list', reply)
    const fields = object(reply.json(), 'reply', at)
    const { key, linksKey, what } = this.#listing
    const raw = list(fields[key], key, at)
    return { at: new At(what, reply), raw, hasNext: linksKey !== undefined && hasNext(fields[linksKey]) }
  }

  ids({ raw, at }: Page): string[] {
    const ids = new Array<string>(raw.length)
    for (let index = 0; index < raw.length; index++) {
      at.index = index
      ids[index] = text(object(raw[index], this.#listing.what, at).id, 'id', at)
    }
    return ids
  }

  /** Where there are links they tell; where there are none, a page may be short because the service gives no more at a time. */
  goesOn({ raw, hasNext }: Page): boolean {
    if (raw.length === 0) return false
    return hasNext || raw.length >= (this.#listing.linksKey === undefined ? Math.min(SHORT, this.#size) : this.#size)
  }

  parse({ raw, at }: Page): readonly T[] {
    const { parse } = this.#listing
    const items: T[] = []
    for (let index = 0; index < raw.length; index++) {
      at.index = index
      const item = parse(raw[index], at)
      if (!this.#known?.has(item.id)) items.push(item)
    }
    this.#known = undefined
    return items
  }

  #stuck(marker: string): HoldfastError {
    const { path, what } = this.#listing
    return new HoldfastError(
      'unavailable',
      'paging-stuck',
      `the volume service's list '${path}' does not go on: after ${what} ${marker} comes ${marker} again`,
      { details: { command: `GET ${path}`, hint: 'does a cache or a proxy answer in its place?' } },
    )
  }
}

const hasNext = (links: unknown): boolean =>
  Array.isArray(links) && links.some(link => typeof link === 'object' && link !== null && link.rel === 'next')

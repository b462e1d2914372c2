import type { HttpMethod } from '#src/http/transport.ts'

/** A request as a simulated service gets it. */
export interface CloudRequest {
  readonly method: HttpMethod
  /** The decoded parts of its path. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
}

export interface CloudReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** At most one of these three. */
  readonly json?: unknown
  readonly text?: string | undefined
  readonly bytes?: Uint8Array | undefined
}

/** What a request comes to: named before it is done, so that a fault can strike there. Its name tells no secret. */
export interface Deed {
  readonly changes: boolean
  readonly name: string
  run(): CloudReply
}

export interface CloudService {
  deed(request: CloudRequest): Deed
}

/** What a service answers instead of doing what was asked. */
export class Refusal extends Error {
  readonly reply: CloudReply

  constructor(reply: CloudReply) {
    super(`refused: ${reply.status}`)
    this.reply = reply
  }
}

/** The answer, also of one that is refused. */
export function answerOf(run: () => CloudReply): CloudReply {
  try {
    return run()
  } catch (error) {
    if (error instanceof Refusal) return error.reply
    throw error
  }
}

/** One kind of request. `pattern`: `volumes/:volume/action`. */
export interface Route<Call> {
  readonly method: HttpMethod
  readonly pattern: string
  /** In the name of the deed. Undefined: what the call itself tells. */
  readonly verb: string
  /** Every method but GET changes something unless told. */
  readonly changes?: boolean | undefined
  readonly run: (call: Call) => CloudReply
}

export interface Match<Call> {
  readonly route: Route<Call>
  readonly ids: Readonly<Record<string, string>>
}

/** The first route of this method that fits this path. */
export function findRoute<Call>(
  routes: readonly Route<Call>[],
  method: HttpMethod,
  path: readonly string[],
): Match<Call> | undefined {
  for (const route of routes) {
    const ids = route.method === method ? idsOf(route.pattern.split('/'), path) : undefined
    if (ids) return { route, ids }
  }
  return undefined
}

function idsOf(pattern: readonly string[], path: readonly string[]): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== path.length) return undefined
  const ids: Record<string, string> = {}
  for (const [index, part] of pattern.entries()) {
    const found = path[index] ?? ''
    if (part.startsWith(':')) ids[part.slice(1)] = found
    else if (part !== found) return undefined
  }
  return ids
}

/** For a name: an id, or a dash in place of anything else. */
export const shownId = (text: string): string => (/^[0-9a-f-]{32,36}$/.test(text) ? text : '-')

/** @throws SyntaxError */
export const parseBody = (body: Uint8Array | undefined): unknown => JSON.parse(Buffer.from(body ?? []).toString())

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

import type { World } from '../../world.ts'
import { isObject, Refusal } from '../exchange.ts'
import type { CloudSecret, CloudState } from '../state.ts'
import type { Caller } from '../tokens.ts'
import { mayUseKeys } from './keys.ts'

/** One request, let in. */
export interface BarbicanCall {
  readonly world: World
  readonly state: CloudState
  readonly caller: Caller
  readonly ids: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  406: 'Not Acceptable',
}

export const refuse = (code: number, description: string): Refusal =>
  new Refusal({ status: code, json: { code, title: TITLES[code], description } })

export const denied = (what: string): Refusal =>
  refuse(403, `${what} attempt not allowed - please review your user/project privileges`)

/** @throws Refusal 403 */
export function checkCreator({ caller }: BarbicanCall, what: string): void {
  if (!mayUseKeys(caller)) throw denied(what)
}

export function secretOf(call: BarbicanCall, what: string): CloudSecret {
  const id = call.ids.secret ?? ''
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
    throw refuse(404, 'Not Found. Provided secret id is invalid.')
  }
  const secret = call.state.secrets.get(id)
  if (!secret) throw refuse(404, 'Secret not found.')
  if (secret.projectId !== call.caller.projectId || !mayUseKeys(call.caller)) throw denied(what)
  return secret
}

export const fieldsIn = (body: unknown): Readonly<Record<string, unknown>> => (isObject(body) ? body : {})

/** One page by `limit` (10 unless told, 100 at most) and `offset`. */
export function pageIn<T>({ query }: BarbicanCall, all: readonly T[]): readonly T[] {
  const limit = Math.min(Number(query.get('limit') ?? 10), 100)
  const offset = Number(query.get('offset') ?? 0)
  return all.slice(offset, offset + limit)
}

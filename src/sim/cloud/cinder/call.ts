import type { World } from '../../world.ts'
import { type CloudReply, Refusal, type Route } from '../exchange.ts'
import type { CloudState } from '../state.ts'
import type { Caller } from '../tokens.ts'
import type { SimAttachmentRow, SimSnapshotRow, SimTypeRow, SimVolumeRow } from './rows.ts'

/** One request, let in: what every verb is given. */
export interface CinderCall {
  readonly world: World
  readonly state: CloudState
  readonly caller: Caller
  readonly isAdmin: boolean
  /** A service asks on the user's behalf. */
  readonly service: boolean
  /** The minor part of the microversion; 0 for none, −1 for version 2 of the API. */
  readonly minor: number
  /** What the path names: `volume`, `attachment`, `snapshot`, `type`, `project`. */
  readonly ids: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: unknown
}

/** `since`: the microversion from which on there is such a request. */
export type CinderRoute = Route<CinderCall> & { readonly since?: number | undefined }

const fault = (status: number, kind: string, message: string, more: object = {}): Refusal =>
  new Refusal({ status, json: { [kind]: { code: status, message, ...more } } })

export const badRequest = (message: string): Refusal => fault(400, 'badRequest', message)
export const invalidVolume = (message: string): Refusal => badRequest(`Invalid volume: ${message}`)
export const invalidInput = (message: string): Refusal => badRequest(`Invalid input received: ${message}`)
export const notFound = (message: string): Refusal => fault(404, 'itemNotFound', message)
export const conflict = (message: string): Refusal => fault(409, 'conflictingRequest', message)
export const serverFault = (message: string): Refusal => fault(500, 'computeFault', message)
export const unacceptable = (message: string): Refusal => fault(406, 'computeFault', message)
export const badMediaType = (): Refusal => fault(415, 'badMediaType', 'Unsupported Content-Type')

export const forbidden = (policy: string): Refusal =>
  fault(403, 'forbidden', `Policy doesn't allow ${policy} to be performed.`)

export function overLimit(message: string): Refusal {
  const { reply } = fault(413, 'overLimit', message, { retryAfter: '0' })
  return new Refusal({ ...reply, headers: { 'retry-after': '0' } })
}

export function requireAdmin({ isAdmin }: CinderCall, policy: string): void {
  if (!isAdmin) throw forbidden(policy)
}

/** Of another project than the caller's there is nothing. */
const sees = ({ caller, isAdmin }: CinderCall, projectId: string): boolean => isAdmin || caller.projectId === projectId

export function volumeOf(call: CinderCall, id = call.ids.volume ?? ''): SimVolumeRow {
  const row = call.state.volumes.get(id)
  if (row && sees(call, row.projectId)) return row
  throw notFound(`Volume ${id} could not be found.`)
}

export function attachmentOf(call: CinderCall, id = call.ids.attachment ?? ''): SimAttachmentRow {
  const row = call.state.attachments.get(id)
  if (row && sees(call, row.projectId)) return row
  throw notFound(`Volume attachment could not be found with filter: attachment_id = ${id}.`)
}

export function snapshotOf(call: CinderCall, id = call.ids.snapshot ?? ''): SimSnapshotRow {
  const row = call.state.snapshots.get(id)
  if (row && sees(call, row.projectId)) return row
  throw notFound(`Snapshot ${id} could not be found.`)
}

/** By name or id. */
export function typeOf({ state }: Pick<CinderCall, 'state'>, nameOrId: string): SimTypeRow {
  const row = state.types.get(nameOrId) ?? [...state.types.values()].find(({ name }) => name === nameOrId)
  if (row) return row
  const what = /^[0-9a-f-]{36}$/.test(nameOrId) ? `Volume type ${nameOrId}` : `Volume type with name ${nameOrId}`
  throw notFound(`${what} could not be found.`)
}

export const attachmentsOf = (state: CloudState, volumeId: string): readonly SimAttachmentRow[] =>
  [...state.attachments.values()].filter(row => row.volumeId === volumeId)

export const isMultiattach = ({ extraSpecs }: SimTypeRow): boolean => extraSpecs.multiattach === '<is> True'

/** Something of the row changed. */
export function touch({ world }: Pick<CinderCall, 'world'>, row: { updatedAt: number | undefined }): void {
  row.updatedAt = world.clock.now()
}

export const accepted: CloudReply = { status: 202, headers: { 'content-type': 'text/html; charset=UTF-8' } }
/** Of an action without an answer: JSON by its header, and nothing in it. */
export const done: CloudReply = { status: 202, headers: { 'content-type': 'application/json' } }

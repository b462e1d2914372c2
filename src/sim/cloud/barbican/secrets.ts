import { timeText } from '../cinder/times.ts'
import type { CloudReply } from '../exchange.ts'
import { KEY_MANAGER } from '../places.ts'
import type { CloudSecret } from '../state.ts'
import { type BarbicanCall, checkCreator, fieldsIn, pageIn, refuse, secretOf } from './call.ts'

export const secretRef = (id: string): string => `${KEY_MANAGER}/v1/secrets/${id}`

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)

export function createSecret(call: BarbicanCall): CloudReply {
  checkCreator(call, 'Secret creation')
  const { payload, payload_content_type: type, payload_content_encoding: encoding, ...fields } = fieldsIn(call.body)
  if (payload !== undefined && type === undefined) {
    throw refuse(
      400,
      "Provided object does not match schema 'Secret': If 'payload' is supplied, 'payload_content_type' must also be supplied.. Invalid property: 'payload_content_type'",
    )
  }
  const binary = type === 'application/octet-stream'
  if (binary && encoding !== 'base64') {
    throw refuse(
      400,
      "Provided object does not match schema 'Secret': payload_content_encoding must be specified when payload_content_type is application/octet-stream.. Invalid property: 'payload_content_encoding'",
    )
  }
  const { world, state, caller } = call
  const secret: CloudSecret = {
    id: world.random.uuid(),
    projectId: caller.projectId,
    creatorId: caller.user.id,
    name: textOrNull(fields.name),
    type: textOrNull(fields.secret_type) ?? 'opaque',
    algorithm: textOrNull(fields.algorithm),
    bitLength: typeof fields.bit_length === 'number' ? fields.bit_length : null,
    mode: textOrNull(fields.mode),
    expiration: textOrNull(fields.expiration),
    created: world.clock.now(),
    contentType: typeof type === 'string' ? type.split(';')[0] : undefined,
    payload:
      payload === undefined ? undefined : new Uint8Array(Buffer.from(String(payload), binary ? 'base64' : 'utf8')),
    consumers: [],
  }
  state.secrets.set(secret.id, secret)
  const ref = secretRef(secret.id)
  return { status: 201, headers: { location: ref }, json: { secret_ref: ref } }
}

function view(secret: CloudSecret): object {
  const time = timeText(secret.created).slice(0, 19)
  return {
    created: time,
    updated: time,
    status: 'ACTIVE',
    name: secret.name,
    secret_type: secret.type,
    expiration: secret.expiration,
    algorithm: secret.algorithm,
    bit_length: secret.bitLength,
    mode: secret.mode,
    creator_id: secret.creatorId,
    ...(secret.contentType !== undefined && { content_types: { default: secret.contentType } }),
    secret_ref: secretRef(secret.id),
  }
}

/** Newest first. */
export function listSecrets(call: BarbicanCall): CloudReply {
  checkCreator(call, 'Secret(s) retrieval')
  const own = [...call.state.secrets.values()].filter(({ projectId }) => projectId === call.caller.projectId)
  return { status: 200, json: { secrets: pageIn(call, own.toReversed()).map(view), total: own.length } }
}

export const showSecret = (call: BarbicanCall): CloudReply => ({
  status: 200,
  json: view(secretOf(call, 'Secret retrieval')),
})

/** Only in the type that it was stored as. */
export function getPayload(call: BarbicanCall): CloudReply {
  const { payload, contentType } = secretOf(call, 'Secret payload retrieval')
  if (!payload || contentType === undefined) throw refuse(404, 'Not Found. Sorry but your secret has no payload.')
  if (call.headers.accept !== contentType) {
    throw refuse(406, 'Secret payload retrieval issue seen - Wrong payload content-type.')
  }
  const charset = contentType === 'text/plain' ? '; charset=UTF-8' : ''
  return { status: 200, headers: { 'content-type': `${contentType}${charset}` }, bytes: payload }
}

export function deleteSecret(call: BarbicanCall): CloudReply {
  const { id } = secretOf(call, 'Secret deletion')
  call.state.secrets.delete(id)
  return { status: 204 }
}

import type { Secret } from '#src/core/secret.ts'
import type { ServiceClient } from '../service-client.ts'
import { AnswerReader } from './fields.ts'
import { allPages, type Page } from './pages.ts'
import { secretPath, send } from './request.ts'

/** What is known of a secret beside its payload. Optional ones are null there, and undefined here. */
export interface SecretFacts {
  readonly id: string
  /** `symmetric`, `opaque`, `passphrase`, `public`, `private`, `certificate` */
  readonly type: string
  /** `ACTIVE`, `PENDING`, `ERROR` */
  readonly status: string
  readonly name?: string | undefined
  readonly algorithm?: string | undefined
  /** As whoever stored it said; the server does not compare it with the payload. */
  readonly bitLength?: number | undefined
  /** In which the payload is given; undefined if there is no payload. */
  readonly contentType?: string | undefined
  /** Milliseconds since 1970. */
  readonly expires?: number | undefined
  readonly created?: number | undefined
}

export interface NewSecret {
  readonly name?: string | undefined
  readonly algorithm: string
  readonly bitLength: number
  readonly payload: Secret
}

export async function getSecret(client: ServiceClient, id: string, signal?: AbortSignal): Promise<SecretFacts> {
  const reply = await send(client, { method: 'GET', path: secretPath(id), signal })
  const read = new AnswerReader(`secret ${id}`, reply)
  const facts = factsOf(read, reply.json())
  if (facts.id !== id) throw read.malformed(`is about secret ${facts.id}`)
  return facts
}

/** The payload in its own content type, as it is; the caller wipes it. */
export async function getPayload(
  client: ServiceClient,
  id: string,
  contentType: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const request = { method: 'GET', path: secretPath(id, 'payload'), accept: contentType, signal } as const
  return (await send(client, request)).bytes
}

/** Stores a symmetric key; gives its id. */
export async function createSecret(client: ServiceClient, secret: NewSecret, signal?: AbortSignal): Promise<string> {
  const json = {
    name: secret.name,
    secret_type: 'symmetric',
    algorithm: secret.algorithm,
    bit_length: secret.bitLength,
    payload: Buffer.from(secret.payload.reveal()).toString('base64'),
    payload_content_type: 'application/octet-stream',
    payload_content_encoding: 'base64',
  }
  const reply = await send(client, { method: 'POST', path: 'secrets', json, signal })
  const read = new AnswerReader('the new secret', reply)
  return read.idOf(read.object(reply.json()), 'secret_ref', 'secrets')
}

export async function deleteSecret(client: ServiceClient, id: string, signal?: AbortSignal): Promise<void> {
  await send(client, { method: 'DELETE', path: secretPath(id), signal })
}

/** Every secret of the project that these credentials may see, of whatever type. */
export async function listSecrets(client: ServiceClient, signal?: AbortSignal): Promise<readonly SecretFacts[]> {
  const page = async (limit: number, offset: number): Promise<Page<SecretFacts>> => {
    const reply = await send(client, { method: 'GET', path: 'secrets', query: { limit, offset }, signal })
    const read = new AnswerReader('its secrets', reply)
    const fields = read.object(reply.json())
    const items = read.list(fields, 'secrets').map(item => factsOf(read, item))
    return { items, total: read.count(fields, 'total') }
  }
  return await allPages('secrets', secret => secret.id, page)
}

function factsOf(read: AnswerReader, value: unknown): SecretFacts {
  const fields = read.object(value)
  const contentTypes = read.object(fields.content_types ?? {})
  return {
    id: read.idOf(fields, 'secret_ref', 'secrets'),
    type: read.text(fields, 'secret_type'),
    status: read.text(fields, 'status'),
    name: read.optionalText(fields, 'name'),
    algorithm: read.optionalText(fields, 'algorithm'),
    bitLength: read.optionalCount(fields, 'bit_length'),
    contentType: read.optionalText(contentTypes, 'default'),
    expires: read.optionalTime(fields, 'expiration'),
    created: read.optionalTime(fields, 'created'),
  }
}

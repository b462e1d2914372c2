import { HoldfastError } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import type { HttpResponse } from '#src/http/transport.ts'
import { inWordsOfPort } from '../file-failure.ts'
import { type KeyFileSource, readKeyFile } from '../key-file.ts'
import { malformed, refused, unreachable, wordsOf } from './errors.ts'
import { encodedPath, type VaultAuth } from './options.ts'
import type { VaultWire } from './wire.ts'

/** A token that Vault gave for a while. */
export interface Lease {
  readonly token: string
  /** 0: for ever. */
  readonly durationMs: number
  readonly renewable: boolean
}

type Login = Exclude<VaultAuth, { method: 'token' }>

/**
 * Logs in with a role.
 * @throws HoldfastError `vault-login-refused` (forbidden), `vault-credential-missing` (unavailable), `key-file-mode`
 */
export async function logIn(host: Pick<Host, 'files'>, wire: VaultWire, auth: Login): Promise<Lease> {
  const what = `let role ${auth.method === 'approle' ? auth.roleId : auth.role} log in by ${auth.method}`
  const path = `auth/${encodedPath('mount of the login', auth.mount ?? auth.method)}/login`
  const body = JSON.stringify(await credentials(host, auth))
  const response = await wire.send({ method: 'POST', path, body }).catch(error => {
    throw unreachable(what, error)
  })
  if (response.status === 200) return leaseOf(what, response)
  if ([400, 401, 403].includes(response.status)) throw loginRefused(what, response)
  throw refused(what, response)
}

/** Prolongs a token; undefined if Vault will not, and a login is needed. */
export async function renew(wire: VaultWire, lease: Lease): Promise<Lease | undefined> {
  const what = 'renew its token'
  const response = await wire.send({ method: 'POST', path: 'auth/token/renew-self', body: '{}', token: lease.token })
  if (response.status === 200) return leaseOf(what, response)
  if ([400, 403].includes(response.status)) return undefined
  throw refused(what, response)
}

/** Whether a token is none any more: revoked, or past its end. Every token may ask this about itself. */
export async function isDead(wire: VaultWire, token: string, signal?: AbortSignal): Promise<boolean> {
  return (await wire.send({ method: 'GET', path: 'auth/token/lookup-self', token, signal })).status === 403
}

async function credentials(host: Pick<Host, 'files'>, auth: Login): Promise<Record<string, string>> {
  if (auth.method !== 'approle')
    return { role: auth.role, jwt: await lineOf(host, auth.path, 'token of the service account') }
  const id = { role_id: auth.roleId }
  return auth.secretId ? { ...id, secret_id: await lineOfSecret(host, auth.secretId, 'secret id of the role') } : id
}

async function lineOf(host: Pick<Host, 'files'>, path: string, what: string): Promise<string> {
  const bytes = await inWordsOfPort(() => host.files.read(path))
  return checkLine(bytes && Buffer.from(bytes).toString(), path, what)
}

/** The one line of a file that only we may read. */
export async function lineOfSecret(host: Pick<Host, 'files'>, source: KeyFileSource, what: string): Promise<string> {
  using secret: Secret | undefined = await inWordsOfPort(() => readKeyFile(host, source, what))
  return checkLine(secret && Buffer.from(secret.reveal()).toString(), source.path, what)
}

function checkLine(text: string | undefined, path: string, what: string): string {
  const line = text?.trim() ?? ''
  if (/^[\x21-\x7e]+$/.test(line)) return line
  const why = text === undefined ? `there is no ${what} at ${path}` : `${path} does not hold one ${what} on one line`
  throw new HoldfastError('unavailable', 'vault-credential-missing', why, {
    details: { hint: 'put it there as Vault gave it out' },
  })
}

function leaseOf(what: string, response: HttpResponse): Lease {
  const auth = authOf(what, response)
  const { client_token: token, lease_duration: seconds, renewable } = auth
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) throw malformed(what, 'has no token')
  if (!Number.isSafeInteger(seconds) || (seconds as number) < 0) throw malformed(what, 'has no lease duration')
  return { token, durationMs: (seconds as number) * 1000, renewable: renewable === true }
}

function authOf(what: string, response: HttpResponse): Record<string, unknown> {
  let reply: unknown
  try {
    reply = JSON.parse(Buffer.from(response.body).toString())
  } catch {
    // Not as the cause: it quotes the text, and a token may be in it.
    throw malformed(what, 'is not JSON')
  }
  const auth = typeof reply === 'object' && reply !== null ? (reply as { auth?: unknown }).auth : undefined
  if (typeof auth !== 'object' || auth === null) throw malformed(what, 'has no `auth`')
  return auth as Record<string, unknown>
}

const loginRefused = (what: string, response: HttpResponse) =>
  new HoldfastError(
    'forbidden',
    'vault-login-refused',
    `Vault, asked to ${what}, refused (${response.status}): ${wordsOf(response).join('; ') || 'no reason given'}`,
    {
      details: { hint: 'compare role and credential with what Vault has; a secret id may be used up or have expired' },
    },
  )

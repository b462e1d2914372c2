import type { Clock } from '#src/core/clock.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Random } from '#src/core/random.ts'
import type { Secret } from '#src/core/secret.ts'
import type { HttpTransport } from '#src/http/transport.ts'
import { parseJson, reasonOf, requestIdOf, statusError } from '../replies.ts'
import type { CloudCredentials, DomainRef, LoginMethod, LoginScope, NameInDomain } from './credentials.ts'
import { parseToken, type Token } from './token.ts'

export interface LoginParts {
  readonly transport: HttpTransport
  readonly clock: Clock
  readonly random: Random
}

const DEADLINE_MS = 30_000

/** Keystone's v3 API, whatever of it auth_url names. */
export const identityUrl = (authUrl: string): string => {
  const base = authUrl.replace(/\/+$/, '')
  return /\/v3$/.test(base) ? base : `${base}/v3`
}

/**
 * Logs in (`POST /v3/auth/tokens`).
 * @throws HoldfastError `login-refused` (forbidden), `identity-unavailable` (unavailable), `reply-malformed`
 */
export async function login(
  parts: LoginParts,
  credentials: Pick<CloudCredentials, 'authUrl' | 'method' | 'scope'>,
  signal?: AbortSignal,
): Promise<Token> {
  const url = `${identityUrl(credentials.authUrl)}/auth/tokens`
  const what = `login at ${url}`
  const reply = await parts.transport.send({
    method: 'POST',
    url,
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      'x-openstack-request-id': `req-${parts.random.uuid()}`,
    },
    body: JSON.stringify({ auth: { identity: identity(credentials.method), ...scope(credentials.scope) } }),
    deadlineMs: DEADLINE_MS,
    signal,
  })
  const requestId = requestIdOf(reply)
  if (reply.status === 200 || reply.status === 201) {
    return parseToken(reply.headers['x-subject-token'], parseJson(reply, what), what)
  }
  if (reply.status === 401 || reply.status === 403) throw refused(credentials, reasonOf(reply), requestId)
  throw statusError(reply, {
    what,
    serviceType: 'identity',
    requestId,
    hint: 'is auth_url the address of a Keystone v3?',
  })
}

function refused({ method }: Pick<CloudCredentials, 'method'>, reason: string, requestId: string | undefined) {
  const who = whoOf(method)
  return new HoldfastError('forbidden', 'login-refused', `Keystone does not let ${who} in: ${reason}`, {
    details: { requestId, hint: HINTS[method.type] },
  })
}

const HINTS: Readonly<Record<LoginMethod['type'], string>> = {
  password: 'check user name, password, domains and project, and that the user has a role on the project',
  'application-credential': 'it may be expired, revoked, or its user disabled; make another',
  token: 'it may be expired or revoked; get another',
}

function whoOf(method: LoginMethod): string {
  if (method.type === 'token') return 'the holder of the token'
  if (method.type === 'password') return `user '${method.user.name ?? method.user.id}'`
  return `application credential '${method.id ?? method.name}'`
}

function identity(method: LoginMethod): object {
  switch (method.type) {
    case 'password':
      return { methods: ['password'], password: { user: { ...named(method.user), password: textOf(method.password) } } }
    case 'application-credential':
      return {
        methods: ['application_credential'],
        application_credential: {
          ...(method.id === undefined ? { name: method.name, user: named(method.user ?? {}) } : { id: method.id }),
          secret: textOf(method.secret),
        },
      }
    case 'token':
      return { methods: ['token'], token: { id: textOf(method.token) } }
  }
}

function scope(wanted: LoginScope): object {
  switch (wanted.type) {
    case 'project':
      return { scope: { project: named(wanted.project) } }
    case 'domain':
      return { scope: { domain: domain(wanted.domain) } }
    case 'system':
      return { scope: { system: { all: true } } }
    case 'none':
      return {}
  }
}

const named = ({ id, name, domain: within }: NameInDomain): object =>
  id === undefined ? { name, ...(within && { domain: domain(within) }) } : { id }

const domain = ({ id, name }: DomainRef): object => (id === undefined ? { name } : { id })

export const textOf = (secret: Secret): string => new TextDecoder().decode(secret.reveal())

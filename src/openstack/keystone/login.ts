import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import { backOffMs, retryAfterMs } from '#src/http/back-off.ts'
import { plainUrl } from '#src/http/redact.ts'
import type { HttpResponse } from '#src/http/transport.ts'
import { waitFor } from '../repeats.ts'
import { parseJson, requestIdOf, statusError } from '../replies.ts'
import { isServiceError, type ServiceError } from '../service-client.ts'
import { observed, type Wire } from '../wire.ts'
import type { CloudCredentials, DomainRef, LoginMethod, LoginScope, NameInDomain } from './credentials.ts'
import { parseToken, type Token } from './token.ts'

export type LoginCredentials = Pick<CloudCredentials, 'authUrl' | 'method' | 'scope'>

const DEADLINE_MS = 30_000
/** Repetitions of a login at most, and none after so long: somebody waits. A token too many does no harm. */
const REPEATS = 2
const PATIENCE_MS = 15_000

/** Keystone's v3 API, whatever of it auth_url names; that of v2.0 lies beside it. */
export const identityUrl = (authUrl: string): string => {
  const base = authUrl.replace(/\/+$/, '').replace(/\/v2\.0$/, '')
  return /\/v3$/.test(base) ? base : `${base}/v3`
}

/**
 * Logs in (`POST /v3/auth/tokens`); again where that may help.
 * @throws HoldfastError `login-refused` (forbidden), `login-invalid` (invalid-input), `identity-unavailable` (unavailable, timeout),
 * `redirect-refused`, `reply-malformed`, `tls-untrusted`. Never a ServiceError, nor that a reply was lost: nothing that was to be
 * done with the token has been done, and nothing is missing but the token.
 */
export async function login(wire: Wire, credentials: LoginCredentials, signal?: AbortSignal): Promise<Token> {
  const until = wire.clock.monotonic() + PATIENCE_MS
  for (let attempt = 0; ; attempt++) {
    try {
      return await tryLogin(wire, credentials, signal)
    } catch (failure) {
      if (signal?.aborted) throw failure
      const isWorthIt = attempt < REPEATS && wire.clock.monotonic() < until
      const waitMs = isWorthIt ? waitFor(failure, { isIdempotent: true }) : undefined
      if (waitMs === undefined) throw inWordsOfLogin(failure, credentials)
      await wire.clock.sleep(Math.max(waitMs, backOffMs(wire.random, attempt)), signal)
    }
  }
}

async function tryLogin(wire: Wire, credentials: LoginCredentials, signal: AbortSignal | undefined): Promise<Token> {
  const { method, scope } = credentials
  const url = `${identityUrl(credentials.authUrl)}/auth/tokens`
  const reply = await observed(wire, {
    method: 'POST',
    url,
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      'user-agent': 'holdfast',
      'x-openstack-request-id': `req-${wire.random.uuid()}`,
    },
    body: JSON.stringify({ auth: { identity: identity(method), ...scopeOf(scope) } }),
    deadlineMs: DEADLINE_MS,
    signal,
  })
  const what = `POST ${plainUrl(url)}`
  const secrets = [textOf(secretOf(method))]
  if (reply.status === 200 || reply.status === 201) {
    return parseToken(reply.headers['x-subject-token'], parseJson(reply, what, secrets), what)
  }
  if (reply.status > 300 && reply.headers.location !== undefined && reply.status < 400) throw redirected(what, reply)
  throw statusError(reply, {
    what,
    serviceType: 'identity',
    requestId: requestIdOf(reply),
    retryAfterMs: retryAfterMs(reply.headers['retry-after'], wire.clock),
    secrets,
  })
}

function inWordsOfLogin(failure: unknown, credentials: LoginCredentials): unknown {
  if (isServiceError(failure)) return refused(failure, credentials)
  if (!(failure instanceof HoldfastError) || !AWAY.some(code => hasCode(failure, code))) return failure
  return new HoldfastError(failure.kind, 'identity-unavailable', `Keystone does not answer: ${failure.message}`, {
    cause: failure,
    details: { ...failure.details, left: 'nothing but the login was tried' },
  })
}

const AWAY = ['endpoint-unreachable', 'reply-lost', 'reply-too-large']

function refused(failure: ServiceError, { method, scope }: LoginCredentials): HoldfastError {
  const { status, reason, details } = failure
  const { requestId } = details
  const id = requestId === undefined ? '' : ` (request ${requestId})`
  const options = (hint: string) => ({ cause: failure, details: { ...details, hint } })
  if (status === 401 || status === 403 || (status === 404 && NOBODY.test(reason))) {
    const message = `Keystone does not let ${whoOf(method)} ${whereTo(scope)}: ${reason}${id}`
    return new HoldfastError('forbidden', 'login-refused', message, options(HINTS[method.type]))
  }
  if (status === 400) {
    const message = `Keystone cannot make sense of the login of ${whoOf(method)}: ${reason}${id}`
    return new HoldfastError('invalid-input', 'login-invalid', message, options('check names, ids and domains'))
  }
  const message = `Keystone answered the login with ${status}: ${reason}${id}`
  return new HoldfastError('unavailable', 'identity-unavailable', message, options(IS_IT_KEYSTONE))
}

/** Keystone's 404 for an application credential or a user that is gone, and for a token that was revoked (as of Zed). */
const NOBODY = /^(Could not find|Failed to validate token|Could not recognize|This is not a recognized)/

const IS_IT_KEYSTONE = 'is auth_url the address of a Keystone v3, and is that well?'

const redirected = (what: string, reply: HttpResponse): HoldfastError =>
  new HoldfastError(
    'unavailable',
    'redirect-refused',
    `${what} was answered ${reply.status}, a redirect to ${JSON.stringify(plainUrl(reply.headers.location ?? '').slice(0, 200))}`,
    { details: { requestId: requestIdOf(reply), hint: 'passwords go where they are told to go: correct auth_url' } },
  )

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

function whereTo(scope: LoginScope): string {
  if (scope.type === 'project') return `into project '${scope.project.name ?? scope.project.id}'`
  if (scope.type === 'domain') return `into domain '${scope.domain.name ?? scope.domain.id}'`
  return 'in'
}

function secretOf(method: LoginMethod): Secret {
  if (method.type === 'password') return method.password
  return method.type === 'token' ? method.token : method.secret
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

function scopeOf(wanted: LoginScope): object {
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

import type { World } from '../world.ts'
import { catalogOf } from './catalog.ts'
import { timeText } from './cinder/times.ts'
import {
  type CloudReply,
  type CloudRequest,
  type CloudService,
  type Deed,
  findRoute,
  isObject,
  parseBody,
  Refusal,
  type Route,
} from './exchange.ts'
import { AUTH_URL, IDENTITY } from './places.ts'
import type { CloudState, CloudUser } from './state.ts'
import { type Caller, callerOf, issueToken, tokenHash, unauthorized } from './tokens.ts'

const VERSION = {
  id: 'v3.14',
  status: 'stable',
  updated: '2020-04-07T00:00:00Z',
  links: [{ rel: 'self', href: `${AUTH_URL}/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
}

/** Identity API v3: login by password, application credential or token, and what is known of tokens. */
export class SimKeystone implements CloudService {
  readonly #world: World
  readonly #state: CloudState

  constructor(world: World, state: CloudState) {
    this.#world = world
    this.#state = state
  }

  readonly #routes: readonly Route<CloudRequest>[] = [
    { method: 'GET', pattern: '', verb: 'versions', run: () => versions() },
    { method: 'GET', pattern: 'v3', verb: 'version', run: () => ({ status: 200, json: { version: VERSION } }) },
    // A token is kept nowhere, so a login changes nothing.
    { method: 'POST', pattern: 'v3/auth/tokens', verb: 'login', changes: false, run: call => this.#login(call) },
    { method: 'GET', pattern: 'v3/auth/tokens', verb: 'validate', run: call => this.#validate(call) },
    { method: 'DELETE', pattern: 'v3/auth/tokens', verb: 'revoke', run: call => this.#revoke(call) },
    {
      method: 'POST',
      pattern: 'v3/users/:user/application_credentials',
      verb: 'create-credential',
      run: call => this.#createCredential(call),
    },
  ]

  deed(request: CloudRequest): Deed {
    const found = findRoute(this.#routes, request.method, trimmed(request.path))
    const route = found?.route
    const changes = route?.changes ?? request.method !== 'GET'
    return {
      changes: route !== undefined && changes,
      name: `keystone ${route?.verb ?? 'unknown'}`,
      run: () => route?.run(request) ?? failure(404, 'Not Found', 'The resource could not be found.'),
    }
  }

  #login(request: CloudRequest): CloudReply {
    const auth = authOf(request)
    const identity = isObject(auth.identity) ? auth.identity : {}
    const [method] = Array.isArray(identity.methods) ? identity.methods : []
    const { user, projectId, methods, audit } = this.#identify(String(method), identity)
    const project = this.#scope(user, auth.scope, projectId)
    const claims = { user: user.id, project: project ?? '', methods, ...(audit && { audit }) }
    const token = issueToken(this.#world, this.#state, claims)
    const caller = callerOf(this.#world, this.#state, token)
    if (!caller) throw unauthorized()
    return { status: 201, headers: { 'x-subject-token': token }, json: this.#view(caller) }
  }

  #identify(
    method: string,
    identity: Record<string, unknown>,
  ): { user: CloudUser; projectId?: string; methods: readonly string[]; audit?: readonly string[] } {
    const given = isObject(identity[method]) ? identity[method] : {}
    if (method === 'password') return { user: this.#byPassword(given), methods: [method] }
    if (method === 'application_credential') return { ...this.#byCredential(given), methods: [method] }
    const known = method === 'token' ? callerOf(this.#world, this.#state, String(given.id)) : undefined
    if (!known) throw unauthorized()
    const methods = [...new Set(['token', ...known.methods])]
    return { user: known.user, methods, audit: known.auditIds.slice(-1) }
  }

  #byPassword(given: Record<string, unknown>): CloudUser {
    const asked = isObject(given.user) ? given.user : {}
    const user = [...this.#state.users.values()].find(({ id, name }) =>
      asked.id === undefined ? name === asked.name && isDefaultDomain(asked.domain) : id === asked.id,
    )
    if (!user || asked.password !== user.password) throw unauthorized()
    return user
  }

  #byCredential(given: Record<string, unknown>): { user: CloudUser; projectId: string } {
    const credential = [...this.#state.credentials.values()].find(({ id, name, userId }) => {
      if (given.id !== undefined) return id === given.id
      const asked = isObject(given.user) ? given.user : {}
      const user = this.#state.users.get(userId)
      return name === given.name && (asked.id === userId || asked.name === user?.name)
    })
    const user = this.#state.users.get(credential?.userId ?? '')
    if (!credential || !user || credential.secret !== given.secret) throw unauthorized()
    return { user, projectId: credential.projectId }
  }

  /** Without a scope the user's own project is meant; that of an application credential is its own, and no other. */
  #scope(user: CloudUser, scope: unknown, own: string | undefined): string | undefined {
    if (own !== undefined && scope === undefined) return own
    if (scope === undefined) return user.defaultProjectId
    if (scope === 'unscoped') return undefined
    const asked = isObject(scope) && isObject(scope.project) ? scope.project : {}
    const project = [...this.#state.projects.values()].find(({ id, name }) =>
      asked.id === undefined ? name === asked.name && isDefaultDomain(asked.domain) : id === asked.id,
    )
    if (!project || !user.roles.has(project.id)) throw unauthorized()
    if (own !== undefined && own !== project.id) throw unauthorized()
    return project.id
  }

  #view({ user, projectId, roles, methods, issuedAt, expiresAt, auditIds }: Caller): unknown {
    const domain = { id: 'default', name: 'Default' }
    const project = this.#state.projects.get(projectId)
    const scoped = project && {
      project: { domain, id: project.id, name: project.name },
      is_domain: false,
      roles: roles.map(name => ({ id: Buffer.from(name).toString('hex').padEnd(32, '0').slice(0, 32), name })),
      catalog: catalogOf(this.#state, project.id),
    }
    return {
      token: {
        methods,
        user: { domain, id: user.id, name: user.name, password_expires_at: null },
        audit_ids: auditIds,
        expires_at: `${timeText(expiresAt)}Z`,
        issued_at: `${timeText(issuedAt)}Z`,
        ...scoped,
      },
    }
  }

  #caller({ headers }: CloudRequest): Caller {
    const caller = callerOf(this.#world, this.#state, headers['x-auth-token'])
    if (caller) return caller
    throw unauthorized()
  }

  #validate(request: CloudRequest): CloudReply {
    this.#caller(request)
    const token = request.headers['x-subject-token'] ?? ''
    const subject = callerOf(this.#world, this.#state, token)
    if (!subject) return failure(404, 'Not Found', 'Failed to validate token')
    return { status: 200, headers: { 'x-subject-token': token }, json: this.#view(subject) }
  }

  #revoke(request: CloudRequest): CloudReply {
    this.#caller(request)
    this.#state.revoked.add(tokenHash(request.headers['x-subject-token'] ?? ''))
    return { status: 204 }
  }

  #createCredential(request: CloudRequest): CloudReply {
    const { user, projectId } = this.#caller(request)
    const body = parseBody(request.body)
    const asked = isObject(body) && isObject(body.application_credential) ? body.application_credential : {}
    const id = this.#world.random.uuid().replaceAll('-', '')
    const [name, secret] = [String(asked.name), String(asked.secret)]
    this.#state.credentials.set(id, { id, name, secret, userId: user.id, projectId })
    return { status: 201, json: { application_credential: { id, name, secret, project_id: projectId } } }
  }
}

const trimmed = (path: readonly string[]): readonly string[] =>
  path.length > 1 && path.at(-1) === '' ? path.slice(0, -1) : path

const isDefaultDomain = (domain: unknown): boolean =>
  isObject(domain) && (domain.id === 'default' || domain.name === 'Default')

const versions = (): CloudReply => ({
  status: 300,
  headers: { location: `${IDENTITY}/v3/` },
  json: { versions: { values: [VERSION] } },
})

const failure = (code: number, title: string, message: string): CloudReply => ({
  status: code,
  json: { error: { code, message, title } },
})

const MALFORMED =
  'The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.'

function authOf({ body }: CloudRequest): Record<string, unknown> {
  const expected = (what: string) =>
    new Refusal(failure(400, 'Bad Request', `Expecting to find ${what} in request body. ${MALFORMED}`))
  let parsed: unknown
  try {
    parsed = parseBody(body)
  } catch {
    throw expected('valid JSON')
  }
  if (isObject(parsed) && isObject(parsed.auth)) return parsed.auth
  throw expected('auth')
}

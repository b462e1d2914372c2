import type { World } from '../../world.ts'
import {
  type CloudReply,
  type CloudRequest,
  type CloudService,
  type Deed,
  findRoute,
  type Match,
  parseBody,
  Refusal,
  shownId,
} from '../exchange.ts'
import { VOLUME } from '../places.ts'
import type { CloudState } from '../state.ts'
import { authenticate, type Caller } from '../tokens.ts'
import { actionIn, VOLUME_ACTIONS } from './actions.ts'
import { badMediaType, badRequest, type CinderCall, type CinderRoute, serverFault, unacceptable } from './call.ts'
import { CINDER_ROUTES, tooOld } from './routes.ts'
import { settle } from './settle.ts'

/** Block Storage API, as Cinder 21 answers it (Zed, 3.0 to 3.70): with a lower ceiling if its settings say so, or by version 2. */
export class SimCinder implements CloudService {
  readonly #world: World
  readonly #state: CloudState

  constructor(world: World, state: CloudState) {
    this.#world = world
    this.#state = state
  }

  deed(request: CloudRequest): Deed {
    const { method, path } = request
    if (path.join('/') === '') {
      return { changes: false, name: 'cinder versions', run: () => stamped({ status: 300, json: this.#versions() }, 0) }
    }
    const match = this.#match(request)
    return {
      changes: method !== 'GET' && match !== undefined,
      name: `cinder ${match ? this.#nameOf(match, request) : 'unknown'}`,
      run: () => this.#run(request, match),
    }
  }

  /** The project in the path may be left out; it is checked later. */
  #match({ method, path }: CloudRequest): Match<CinderCall> | undefined {
    const [version, ...rest] = path
    if (version !== (this.#state.settings.volumeApi === undefined ? 'v2' : 'v3')) return undefined
    const [, ...below] = rest
    return findRoute(CINDER_ROUTES, method, below) ?? findRoute(CINDER_ROUTES, method, rest)
  }

  /** With the volume that it is about, also where the path names only its attachment. */
  #nameOf({ route, ids }: Match<CinderCall>, { body }: CloudRequest): string {
    const { volume, attachment, snapshot, type } = ids
    const sent = sentIn(body)
    const verb = route.verb === 'action' ? actionVerb(sent) : route.verb
    const row = attachment === undefined ? undefined : this.#state.attachments.get(attachment)
    const of = volume ?? row?.volumeId ?? volumeIn(sent)
    const own = [attachment, snapshot, type].filter(id => id !== undefined).map(shownId)
    return [verb, ...own, ...(of === undefined ? [] : [own.length > 0 ? `of ${shownId(of)}` : shownId(of)])].join(' ')
  }

  #run(request: CloudRequest, match: Match<CinderCall> | undefined): CloudReply {
    settle(this.#world, this.#state)
    const { caller, service } = authenticate(this.#world, this.#state, request.headers)
    const trimmed = request.path.filter(part => part !== '')
    if (trimmed.length === 1 && /^v[23]$/.test(trimmed[0] ?? '')) return { status: 200, json: this.#versions() }
    if (!match) return NO_ROUTE
    const minor = this.#minor(request.headers['openstack-api-version'])
    try {
      return stamped(this.#call(request, match, { caller, service, minor }), minor)
    } catch (error) {
      if (error instanceof Refusal) throw new Refusal(stamped(error.reply, minor))
      throw error
    }
  }

  #call(
    request: CloudRequest,
    { route, ids }: Match<CinderCall>,
    who: { readonly caller: Caller; readonly service: boolean; readonly minor: number },
  ): CloudReply {
    const { caller } = who
    const project = request.path[1] ?? ''
    const named = this.#state.projects.has(project)
    if (named && project !== caller.projectId) throw badRequest('Malformed request url')
    const { since } = route as CinderRoute
    if (since !== undefined && who.minor < since) throw tooOld()
    const body = request.method === 'GET' || request.method === 'DELETE' ? undefined : bodyOf(request)
    const common = { world: this.#world, state: this.#state, isAdmin: caller.roles.includes('admin') }
    return route.run({ ...common, ...who, ids, query: request.query, body })
  }

  /** @throws Refusal 400, 406 */
  #minor(header: string | undefined): number {
    const { volumeApi } = this.#state.settings
    if (volumeApi === undefined) return -1
    if (header === undefined) return 0
    const [service, version = ''] = header.split(' ')
    if (service !== 'volume') {
      throw badRequest(
        'The server could not comply with the request since it is either malformed or otherwise incorrect.',
      )
    }
    if (version === 'latest') return Number(volumeApi.split('.')[1])
    const [, major, minor] = /^([1-9]\d*)\.([1-9]\d*|0)$/.exec(version) ?? []
    if (major === undefined || minor === undefined) {
      throw badRequest(`API Version String ${version} is of invalid format. Must be of format MajorNum.MinorNum.`)
    }
    if (major === '3' && Number(minor) <= Number(volumeApi.split('.')[1])) return Number(minor)
    const { reply } = unacceptable(
      `Version ${version} is not supported by the API. Minimum is 3.0 and maximum is ${volumeApi}.`,
    )
    throw new Refusal({ ...reply, headers: { 'openstack-api-version': `volume ${version}` } })
  }

  #versions(): unknown {
    const { volumeApi } = this.#state.settings
    const major = volumeApi === undefined ? 2 : 3
    const own = {
      id: `v${major}.0`,
      status: volumeApi === undefined ? 'DEPRECATED' : 'CURRENT',
      version: volumeApi ?? '',
      min_version: volumeApi === undefined ? '' : '3.0',
      updated: '2022-08-31T00:00:00Z',
      links: [
        { rel: 'describedby', type: 'text/html', href: 'https://docs.openstack.org/' },
        { rel: 'self', href: `${VOLUME}/v${major}/` },
      ],
      'media-types': [{ base: 'application/json', type: `application/vnd.openstack.volume+json;version=${major}` }],
    }
    return { versions: [own] }
  }
}

const NO_ROUTE: CloudReply = {
  status: 404,
  json: {
    message: 'The resource could not be found.<br /><br />\n\n\n',
    code: '404 Not Found',
    title: 'Not Found',
  },
}

function stamped(reply: CloudReply, minor: number): CloudReply {
  if (minor < 0) return reply
  const headers = { 'openstack-api-version': `volume 3.${minor}`, vary: 'OpenStack-API-Version', ...reply.headers }
  return { ...reply, headers }
}

function bodyOf({ headers, body }: CloudRequest): unknown {
  if (!/^application\/json/.test(headers['content-type'] ?? 'application/json')) throw badMediaType()
  if (!body || body.length === 0) {
    throw serverFault('The server has either erred or is incapable of performing the requested operation.')
  }
  try {
    return parseBody(body)
  } catch {
    throw badRequest('Malformed request body')
  }
}

/** Undefined if it is no JSON. */
function sentIn(body: Uint8Array | undefined): unknown {
  try {
    return body && parseBody(body)
  } catch {
    return undefined
  }
}

/** `os-begin_detaching`: `begin-detaching` */
function actionVerb(body: unknown): string {
  const action = actionIn(body)
  return action in VOLUME_ACTIONS ? action.slice('os-'.length).replaceAll('_', '-') : 'action'
}

/** The volume of a new attachment or snapshot. */
function volumeIn(body: unknown): string | undefined {
  const inner = typeof body === 'object' && body !== null ? Object.values(body)[0] : undefined
  if (typeof inner !== 'object' || inner === null) return undefined
  const { volume_uuid, volume_id } = inner as Record<string, unknown>
  const id = volume_uuid ?? volume_id
  return typeof id === 'string' ? id : undefined
}

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
  type Route,
  shownId,
} from '../exchange.ts'
import { KEY_MANAGER } from '../places.ts'
import type { CloudState } from '../state.ts'
import { authenticate } from '../tokens.ts'
import { type BarbicanCall, refuse } from './call.ts'
import { addConsumer, listConsumers, removeConsumer } from './consumers.ts'
import { createOrder, deleteOrder, settleOrders, showOrder } from './orders.ts'
import { createSecret, deleteSecret, getPayload, listSecrets, showSecret } from './secrets.ts'

/** Paths below `v1`. */
const ROUTES: readonly Route<BarbicanCall>[] = [
  { method: 'GET', pattern: 'secrets', verb: 'list-secrets', run: listSecrets },
  { method: 'POST', pattern: 'secrets', verb: 'create-secret', run: createSecret },
  { method: 'GET', pattern: 'secrets/:secret', verb: 'show-secret', run: showSecret },
  { method: 'DELETE', pattern: 'secrets/:secret', verb: 'delete-secret', run: deleteSecret },
  { method: 'GET', pattern: 'secrets/:secret/payload', verb: 'get-payload', run: getPayload },
  { method: 'GET', pattern: 'secrets/:secret/consumers', verb: 'list-consumers', run: listConsumers },
  { method: 'POST', pattern: 'secrets/:secret/consumers', verb: 'add-consumer', run: addConsumer },
  { method: 'DELETE', pattern: 'secrets/:secret/consumers', verb: 'remove-consumer', run: removeConsumer },
  { method: 'POST', pattern: 'orders', verb: 'create-order', run: createOrder },
  { method: 'GET', pattern: 'orders/:order', verb: 'show-order', run: showOrder },
  { method: 'DELETE', pattern: 'orders/:order', verb: 'delete-order', run: deleteOrder },
]

/** Key Manager API v1, as Barbican 15 answers it (Zed). */
export class SimBarbican implements CloudService {
  readonly #world: World
  readonly #state: CloudState

  constructor(world: World, state: CloudState) {
    this.#world = world
    this.#state = state
  }

  deed(request: CloudRequest): Deed {
    const path = request.path.filter(part => part !== '')
    const [version, ...below] = path
    if (path.length <= 1) {
      const run = () => (path.length === 0 ? ROOT : versionOf(request))
      return { changes: false, name: 'barbican versions', run }
    }
    const match = version === 'v1' ? findRoute(ROUTES, request.method, below) : undefined
    const ids = Object.values(match?.ids ?? {}).map(shownId)
    return {
      changes: match !== undefined && request.method !== 'GET',
      name: ['barbican', match?.route.verb ?? 'unknown', ...ids].join(' '),
      run: () => this.#run(request, match),
    }
  }

  #run(request: CloudRequest, match: Match<BarbicanCall> | undefined): CloudReply {
    settleOrders(this.#world, this.#state)
    const { caller } = authenticate(this.#world, this.#state, request.headers)
    if (!match) throw refuse(404, 'Not Found')
    const common = { world: this.#world, state: this.#state, caller }
    const { query, headers } = request
    return stamped(() => match.route.run({ ...common, ids: match.ids, query, headers, body: bodyOf(request) }))
  }
}

const VERSION_HEADER = { 'openstack-api-version': 'key-manager 1.0' }

function stamped(run: () => CloudReply): CloudReply {
  const stamp = (reply: CloudReply) => ({ ...reply, headers: { ...VERSION_HEADER, ...reply.headers } })
  try {
    return stamp(run())
  } catch (error) {
    throw error instanceof Refusal ? new Refusal(stamp(error.reply)) : error
  }
}

function bodyOf({ body }: CloudRequest): unknown {
  if (!body || body.length === 0) return undefined
  try {
    return parseBody(body)
  } catch {
    throw refuse(400, 'Malformed JSON')
  }
}

const LINKS = [
  { rel: 'self', href: `${KEY_MANAGER}/v1/` },
  { rel: 'describedby', type: 'text/html', href: 'https://docs.openstack.org/' },
]
const MEDIA = [{ base: 'application/json', type: 'application/vnd.openstack.key-manager-v1+json' }]
const OWN = { id: 'v1', status: 'stable', links: LINKS, 'media-types': MEDIA }

const ROOT: CloudReply = { status: 300, headers: VERSION_HEADER, json: { versions: { values: [OWN] } } }

/** Microversions are told only to who names one. */
function versionOf({ headers }: CloudRequest): CloudReply {
  if (headers['openstack-api-version'] === undefined)
    return { status: 200, headers: VERSION_HEADER, json: { version: OWN } }
  const version = { ...OWN, status: 'CURRENT', min_version: '1.0', max_version: '1.1' }
  return { status: 200, headers: VERSION_HEADER, json: { version } }
}

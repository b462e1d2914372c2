import type { World } from '../../world.ts'
import type { CloudReply } from '../exchange.ts'
import { KEY_MANAGER } from '../places.ts'
import type { CloudOrder, CloudState } from '../state.ts'
import { type BarbicanCall, checkCreator, denied, fieldsIn, refuse } from './call.ts'
import { newKey } from './keys.ts'
import { secretRef } from './secrets.ts'

const orderRef = (id: string): string => `${KEY_MANAGER}/v1/orders/${id}`

/** The key is made later, by a worker. */
export function createOrder(call: BarbicanCall): CloudReply {
  checkCreator(call, 'Order creation')
  const { type, meta } = fieldsIn(call.body)
  const { algorithm, bit_length: bitLength, name = null, mode = null } = fieldsIn(meta)
  if (type !== 'key' || algorithm !== 'aes' || !Number.isInteger(bitLength)) {
    throw refuse(400, 'Provided field value is not supported')
  }
  const { world, state, caller } = call
  const order: CloudOrder = {
    id: world.random.uuid(),
    projectId: caller.projectId,
    meta: { name, algorithm, bit_length: bitLength, mode, creator: caller.user.id },
    secretId: undefined,
    failed: undefined,
    due: world.clock.monotonic() + state.settings.taskMs,
  }
  state.orders.set(order.id, order)
  return { status: 202, json: { order_ref: orderRef(order.id) } }
}

/** What the worker has done by now. */
export function settleOrders(world: World, state: CloudState): void {
  for (const order of state.orders.values()) {
    if (order.due === undefined || order.due > world.clock.monotonic()) continue
    order.due = undefined
    order.failed = unmakeable(order.meta)
    if (order.failed === undefined) order.secretId = keyOf(world, state, order)
  }
}

/** The simple crypto plugin makes keys of these lengths, and for XTS of twice as many bits. */
function unmakeable({ bit_length: bits, mode }: Record<string, unknown>): string | undefined {
  const length = Number(bits) / (mode === 'xts' ? 2 : 1)
  if ([64, 128, 192, 256].includes(length)) return undefined
  return 'Process TypeOrder failure seen - please contact site administrator.'
}

function keyOf(world: World, state: CloudState, { projectId, meta }: CloudOrder): string {
  const owner = { projectId, creatorId: String(meta.creator) }
  const name = typeof meta.name === 'string' ? meta.name : null
  const mode = typeof meta.mode === 'string' ? meta.mode : null
  return newKey(world, state, { ...owner, bitLength: Number(meta.bit_length), name, mode })
}

function orderOf({ state, ids, caller }: BarbicanCall): CloudOrder {
  const order = state.orders.get(ids.order ?? '')
  if (order?.projectId === caller.projectId) return order
  throw refuse(404, 'Not Found. Sorry but your order is in another castle.')
}

export function showOrder(call: BarbicanCall): CloudReply {
  checkCreator(call, 'Order retrieval')
  const { id, meta, ...order } = orderOf(call)
  const { creator, ...shown } = meta
  return {
    status: 200,
    json: { type: 'key', meta: shown, creator_id: creator, ...ended(order), order_ref: orderRef(id) },
  }
}

function ended({ secretId, failed }: Pick<CloudOrder, 'secretId' | 'failed'>): object {
  if (failed !== undefined) return { status: 'ERROR', error_status_code: '500', error_reason: failed }
  return secretId === undefined ? { status: 'PENDING' } : { status: 'ACTIVE', secret_ref: secretRef(secretId) }
}

/** By Barbican's own policy only an administrator may. */
export function deleteOrder(call: BarbicanCall): CloudReply {
  const { id } = orderOf(call)
  if (!call.caller.roles.includes('admin')) throw denied('Order deletion')
  call.state.orders.delete(id)
  return { status: 204 }
}

import type { World } from '../../world.ts'
import type { CloudReply } from '../exchange.ts'
import { KEY_MANAGER } from '../places.ts'
import type { CloudOrder, CloudState } from '../state.ts'
import { type BarbicanCall, checkCreator, denied, fieldsIn, refuse } from './call.ts'
import { newKey } from './keys.ts'
import { secretRef } from './secrets.ts'

const orderRef = (id: string): string => `${KEY_MANAGER}/v1/orders/${id}`

const LENGTHS: readonly unknown[] = [128, 192, 256, 512]

/** The key is made later, by a worker. */
export function createOrder(call: BarbicanCall): CloudReply {
  checkCreator(call, 'Order creation')
  const { type, meta } = fieldsIn(call.body)
  const { algorithm, bit_length: bitLength, name } = fieldsIn(meta)
  if (type !== 'key' || algorithm !== 'aes' || !LENGTHS.includes(bitLength)) {
    throw refuse(400, 'Provided field value is not supported')
  }
  const { world, state, caller } = call
  const order: CloudOrder = {
    id: world.random.uuid(),
    projectId: caller.projectId,
    meta: { name: name ?? null, algorithm, bit_length: bitLength, creator: caller.user.id },
    secretId: undefined,
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
    const user = state.users.get(String(order.meta.creator))
    if (!user) continue
    const { projectId, meta } = order
    const caller = { user, projectId, roles: [], methods: [], issuedAt: 0, expiresAt: 0, auditIds: [] }
    const name = typeof meta.name === 'string' ? meta.name : null
    order.secretId = newKey({ world, state, caller }, { bitLength: Number(meta.bit_length), name })
  }
}

function orderOf({ state, ids, caller }: BarbicanCall): CloudOrder {
  const order = state.orders.get(ids.order ?? '')
  if (!order || order.projectId !== caller.projectId)
    throw refuse(404, 'Not Found. Sorry but your order is in another castle.')
  return order
}

export function showOrder(call: BarbicanCall): CloudReply {
  checkCreator(call, 'Order retrieval')
  const { id, secretId, meta } = orderOf(call)
  const { creator, ...shown } = meta
  const made = secretId === undefined ? { status: 'PENDING' } : { status: 'ACTIVE', secret_ref: secretRef(secretId) }
  return { status: 200, json: { type: 'key', meta: shown, creator_id: creator, ...made, order_ref: orderRef(id) } }
}

/** By Barbican's own policy only an administrator may. */
export function deleteOrder(call: BarbicanCall): CloudReply {
  const { id } = orderOf(call)
  if (!call.caller.roles.includes('admin')) throw denied('Order deletion')
  call.state.orders.delete(id)
  return { status: 204 }
}

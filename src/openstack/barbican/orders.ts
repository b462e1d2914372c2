import type { Clock } from '#src/core/clock.ts'
import { formatMs } from '#src/core/deadline.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { ServiceClient } from '../service-client.ts'
import { AnswerReader } from './fields.ts'
import { orderPath, send } from './request.ts'

export interface KeyOrder {
  readonly name?: string | undefined
  readonly algorithm: string
  readonly bitLength: number
}

export interface OrderFacts {
  readonly id: string
  /** `PENDING`, `ACTIVE`, `ERROR` */
  readonly status: string
  readonly secretId?: string | undefined
  /** Why it failed, in the server's words. */
  readonly reason?: string | undefined
  readonly requestId?: string | undefined
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2000

/** Has the service make a key; gives the order's id. */
export async function createKeyOrder(client: ServiceClient, order: KeyOrder, signal?: AbortSignal): Promise<string> {
  const meta = { name: order.name, algorithm: order.algorithm, bit_length: order.bitLength, mode: modeOf(order) }
  const reply = await send(client, { method: 'POST', path: 'orders', json: { type: 'key', meta }, signal })
  const read = new AnswerReader('the new order', reply)
  return read.idOf(read.object(reply.json()), 'order_ref', 'orders')
}

/** A key of 512 bits is made as two halves, for XTS; without that mode Barbican knows none so long (`simple_crypto.py`). */
const modeOf = ({ bitLength }: KeyOrder): 'xts' | undefined => (bitLength > 256 ? 'xts' : undefined)

export async function getOrder(client: ServiceClient, id: string, signal?: AbortSignal): Promise<OrderFacts> {
  const reply = await send(client, { method: 'GET', path: orderPath(id), signal })
  const read = new AnswerReader(`order ${id}`, reply)
  const fields = read.object(reply.json())
  const made = read.optionalText(fields, 'secret_ref') !== undefined
  return {
    id,
    status: read.text(fields, 'status'),
    secretId: made ? read.idOf(fields, 'secret_ref', 'secrets') : undefined,
    reason: read.optionalText(fields, 'error_reason'),
    requestId: reply.requestId,
  }
}

/** Of the order only; the key that it made stays. With Barbican's own policy only an administrator of the project may. */
export async function deleteOrder(client: ServiceClient, id: string, signal?: AbortSignal): Promise<void> {
  await send(client, { method: 'DELETE', path: orderPath(id), signal })
}

/**
 * Waits until the order is done, looking ever more seldom; gives the id of the key.
 * @throws HoldfastError `key-order-failed` (unavailable) with the server's reason, `key-order-slow` (timeout)
 */
export async function awaitKey(
  client: ServiceClient,
  clock: Clock,
  id: string,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<string> {
  const end = clock.monotonic() + deadlineMs
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const order = await getOrder(client, id, signal)
    const key = finished(order)
    if (key !== undefined) return key
    if (clock.monotonic() + pause > end) throw slow(order, deadlineMs)
    await clock.sleep(pause, signal)
  }
}

function finished(order: OrderFacts): string | undefined {
  const { id, status, secretId, requestId } = order
  if (status === 'PENDING') return undefined
  if (status === 'ACTIVE' && secretId !== undefined) return secretId
  const why = status === 'ERROR' ? (order.reason ?? 'no reason given') : `status ${status}, without a key`
  throw new HoldfastError('unavailable', 'key-order-failed', `the key manager's order ${id} failed: ${why}`, {
    details: { requestId, hint: "see the key manager's worker and its log" },
  })
}

const slow = (order: OrderFacts, deadlineMs: number) =>
  new HoldfastError(
    'timeout',
    'key-order-slow',
    `the key manager's order ${order.id} is still ${order.status} after ${formatMs(deadlineMs)}`,
    {
      details: {
        requestId: order.requestId,
        left: `order ${order.id}, which may yet make a key`,
        hint: "see whether the key manager's worker runs",
      },
    },
  )

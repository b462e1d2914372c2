import type { CloudReply } from '../exchange.ts'
import { type BarbicanCall, fieldsIn, pageIn, refuse, secretOf } from './call.ts'

export function listConsumers(call: BarbicanCall): CloudReply {
  const { consumers } = secretOf(call, 'Consumers retrieval')
  return { status: 200, json: { consumers: pageIn(call, consumers), total: consumers.length } }
}

function consumerIn(call: BarbicanCall) {
  const { service, resource_type, resource_id } = fieldsIn(call.body)
  if (typeof service === 'string' && typeof resource_type === 'string' && typeof resource_id === 'string') {
    return { service, resource_type, resource_id }
  }
  throw refuse(400, "Provided object does not match schema 'Secret Consumer'")
}

export function addConsumer(call: BarbicanCall): CloudReply {
  const secret = secretOf(call, 'Consumer creation')
  const consumer = consumerIn(call)
  secret.consumers = [...secret.consumers.filter(one => !same(one, consumer)), consumer]
  return { status: 200, json: { status: 'ACTIVE' } }
}

export function removeConsumer(call: BarbicanCall): CloudReply {
  const secret = secretOf(call, 'Consumer deletion')
  const consumer = consumerIn(call)
  const others = secret.consumers.filter(one => !same(one, consumer))
  if (others.length === secret.consumers.length) throw refuse(404, 'Not Found. Sorry, but your consumer is not found.')
  secret.consumers = others
  return { status: 200, json: { status: 'ACTIVE' } }
}

type Consumer = ReturnType<typeof consumerIn>

const same = (a: Consumer, b: Consumer): boolean =>
  a.service === b.service && a.resource_type === b.resource_type && a.resource_id === b.resource_id

import type { CloudReply } from '../exchange.ts'
import { type CinderCall, forbidden } from './call.ts'
import { timeText } from './times.ts'
import { linksOf } from './views.ts'

/** Why something failed that was accepted; newest first. */
export function listMessages(call: CinderCall): CloudReply {
  const own = call.state.messages.filter(({ projectId }) => projectId === call.caller.projectId)
  const messages = own.toReversed().map(({ id, event, text, at, volumeId }) => ({
    id,
    event_id: event,
    user_message: text,
    message_level: 'ERROR',
    created_at: timeText(at),
    guaranteed_until: timeText(at + 30 * 24 * 3_600_000),
    request_id: 'req-00000000-0000-4000-8000-000000000000',
    links: linksOf(call, `messages/${id}`),
    resource_type: 'VOLUME',
    resource_uuid: volumeId,
  }))
  const wanted = call.query.get('resource_uuid')
  const listed = wanted === null ? messages : messages.filter(({ resource_uuid }) => resource_uuid === wanted)
  return { status: 200, json: { messages: listed } }
}

export const listZones = (): CloudReply => ({
  status: 200,
  json: {
    availabilityZoneInfo: ['nova', 'az2'].map(zoneName => ({ zoneName, zoneState: { available: true } })),
  },
})

export function listServices({ isAdmin }: CinderCall): CloudReply {
  if (!isAdmin) throw forbidden('volume_extension:services:index')
  return { status: 200, json: { services: [] } }
}

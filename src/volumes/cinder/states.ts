import { HoldfastError } from '#src/core/error.ts'
import { isServiceError } from '#src/openstack/service-client.ts'
import { wordsOf } from './failures.ts'

/** Which states of a volume allow a verb. */
export interface StateRule {
  /** In words: `extend it`. */
  readonly verb: string
  readonly allowed: readonly string[]
}

/**
 * A refusal for the state that a volume is in, worded as by every volume service, with Cinder's own words behind it. `messages`:
 * what Cinder said of the volume before.
 */
export function wrongState(
  volume: {
    readonly id: string
    readonly status: string
    readonly attachments?: readonly { serverId: string | null }[]
  },
  { verb, allowed }: StateRule,
  refusal: HoldfastError,
  messages: readonly string[] = [],
): HoldfastError {
  const said = isServiceError(refusal.cause) ? wordsOf(refusal.cause) : refusal.message
  const servers = (volume.attachments ?? []).map(({ serverId }) => serverId).filter(id => id !== null)
  const where = servers.length > 0 ? ` (attached to ${servers.join(', ')})` : ''
  const must = allowed.map(word => `'${word}'`).join(' or ')
  const state = allowed.includes(volume.status)
    ? `volume ${volume.id} is '${volume.status}'${where}, but Cinder refuses to ${verb}`
    : `volume ${volume.id} is '${volume.status}'${where}; to ${verb} it must be ${must}`
  const before = messages.length > 0 ? `; of the volume it said: ${messages.join('; ')}` : ''
  return new HoldfastError('wrong-state', 'invalid-volume', `${state} (Cinder: ${said}${before})`, {
    cause: refusal.cause,
    details: refusal.details,
  })
}

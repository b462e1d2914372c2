import { HoldfastError } from '#src/core/error.ts'
import { isServiceError } from '#src/openstack/service-client.ts'
import { wordsOf } from './failures.ts'

/** Which states of a volume allow a verb. */
export interface StateRule {
  /** In words: `be extended`. */
  readonly verb: string
  readonly allowed: readonly string[]
  /** What may be in the way of a volume in such a state. */
  readonly but?: () => Promise<string | undefined>
}

/**
 * A refusal for the state that a volume is in, worded as by every volume service, with Cinder's own words behind it. `known`: what else
 * is known of it.
 */
export function wrongState(
  volume: {
    readonly id: string
    readonly status: string
    readonly attachments?: readonly { serverId: string | null }[]
  },
  { verb, allowed }: StateRule,
  refusal: HoldfastError,
  known: readonly string[],
): HoldfastError {
  const said = isServiceError(refusal.cause) ? wordsOf(refusal.cause) : refusal.message
  const servers = (volume.attachments ?? []).map(({ serverId }) => serverId).filter(id => id !== null)
  const where = servers.length > 0 ? ` (attached to ${servers.join(', ')})` : ''
  const must = allowed.map(word => `'${word}'`).join(' or ')
  const state = allowed.includes(volume.status)
    ? `volume ${volume.id} is '${volume.status}'${where}, but Cinder does not let it ${verb}`
    : `volume ${volume.id} is '${volume.status}'${where}; to ${verb} it must be ${must}`
  const more = known.filter(text => text !== '').map(text => `; ${text}`)
  return new HoldfastError('wrong-state', 'invalid-volume', `${state} (Cinder: ${said}${more.join('')})`, {
    cause: refusal.cause,
    details: refusal.details,
  })
}

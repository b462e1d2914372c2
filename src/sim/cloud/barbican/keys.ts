import type { World } from '../../world.ts'
import type { CloudSecret, CloudState } from '../state.ts'
import type { Caller } from '../tokens.ts'

/** By Barbican's own policy. */
export const mayUseKeys = ({ roles }: Caller): boolean => roles.includes('creator') || roles.includes('admin')

interface KeyCall {
  readonly world: World
  readonly state: CloudState
  readonly caller: Caller
}

export interface NewKey {
  readonly bitLength: number
  readonly name?: string | null
  /** Random unless told. */
  readonly payload?: Uint8Array | undefined
}

/** A symmetric key of the caller's project; gives its id. */
export function newKey({ world, state, caller }: KeyCall, { bitLength, name = null, payload }: NewKey): string {
  const secret: CloudSecret = {
    id: world.random.uuid(),
    projectId: caller.projectId,
    creatorId: caller.user.id,
    name,
    type: 'symmetric',
    algorithm: 'aes',
    bitLength,
    mode: null,
    expiration: null,
    created: world.clock.now(),
    contentType: 'application/octet-stream',
    payload: payload ?? world.random.bytes(bitLength / 8),
    consumers: [],
  }
  state.secrets.set(secret.id, secret)
  return secret.id
}

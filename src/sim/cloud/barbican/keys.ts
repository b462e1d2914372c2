import type { World } from '../../world.ts'
import type { CloudSecret, CloudState } from '../state.ts'
import type { Caller } from '../tokens.ts'

/** By Barbican's own policy. */
export const mayUseKeys = ({ roles }: Caller): boolean => roles.includes('creator') || roles.includes('admin')

export interface NewKey {
  readonly projectId: string
  readonly creatorId: string
  readonly bitLength: number
  readonly name?: string | null
  readonly mode?: string | null
  /** Random unless told. */
  readonly payload?: Uint8Array | undefined
}

/** A symmetric key; gives its id. */
export function newKey(world: World, state: CloudState, key: NewKey): string {
  const { projectId, creatorId, bitLength, name = null, mode = null, payload } = key
  const secret: CloudSecret = {
    id: world.random.uuid(),
    projectId,
    creatorId,
    name,
    type: 'symmetric',
    algorithm: 'aes',
    bitLength,
    mode,
    expiration: null,
    created: world.clock.now(),
    contentType: 'application/octet-stream',
    payload: payload ?? world.random.bytes(bitLength / 8),
    consumers: [],
  }
  state.secrets.set(secret.id, secret)
  return secret.id
}

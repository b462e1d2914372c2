import type { Change } from '#src/core/change.ts'
import type { GuestSource } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { DerivationCost, Encryptor, Unlocked, UnlockRequest, ViewFacts } from '../encryptor.ts'

/**
 * No decryption here: for volumes that are not encrypted, or that the storage encrypts. What the guest itself writes,
 * LUKS included, passes. A volume that this host should decrypt is refused, for the guest would get ciphertext (I1).
 */
export class NoopEncryptor implements Encryptor {
  readonly mechanism = 'none'
  readonly needsBlock = false

  async check(request: UnlockRequest): Promise<void> {
    if (passes(request)) return
    throw new HoldfastError(
      'unsafe',
      'encryption-mismatch',
      `volume ${request.volumeId} is to be decrypted by this host (${request.encryption?.provider}), and may not be passed through`,
      { details: { volume: request.volumeId, layer: 'encryption' } },
    )
  }

  async unlock(request: UnlockRequest): Promise<Unlocked> {
    await this.check(request)
    return { change: 'already', view: view(request) }
  }

  async lock(): Promise<Change> {
    return 'already'
  }

  async cost(request: UnlockRequest): Promise<DerivationCost> {
    await this.check(request)
    return { memoryBytes: 0, threads: 1 }
  }

  async list(): Promise<readonly ViewFacts[]> {
    return []
  }

  async probe(request: UnlockRequest): Promise<GuestSource | undefined> {
    return passes(request) ? view(request) : undefined
  }
}

const passes = ({ encryption }: UnlockRequest): boolean => encryption?.controlLocation !== 'front-end'

const view = ({ source }: UnlockRequest): GuestSource => ({
  mechanism: 'none',
  kind: source.kind,
  path: source.path,
  ...(source.network && { network: source.network }),
  sizeBytes: source.sizeBytes,
})

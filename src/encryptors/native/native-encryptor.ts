import type { Change } from '#src/core/change.ts'
import type { GuestSource } from '#src/core/disk.ts'
import { HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import type { LuksHeader } from '#src/host/luks-header.ts'
import { localHeads, type SourceHeads } from '#src/host/source-head.ts'
import type { KeptSecret, Secrets } from '#src/libvirt/index.ts'
import type { DerivationCost, Encryptor, LockRequest, Unlocked, UnlockRequest, ViewFacts } from '../encryptor.ts'
import { checkLuksVolume, checkPassphrase } from '../luks-volume.ts'

/** Begins the description of each of our secrets; the volume's id follows. */
const DESCRIPTION = 'Holdfast: passphrase of volume'

/**
 * LUKS1 by QEMU itself: the view is the disk source, network disks too, and a libvirt secret with the volume's id as its UUID and usage.
 * A secret cannot be read back, so `unlock` gives it its value anew each time.
 */
export class NativeEncryptor implements Encryptor {
  readonly mechanism = 'native'
  readonly needsBlock = false
  readonly #host: Host
  readonly #secrets: Secrets
  readonly #heads: SourceHeads

  /** `heads`: how headers are read; without, those of files and devices of this host. */
  constructor(host: Host, secrets: Secrets, heads: SourceHeads = localHeads) {
    this.#host = host
    this.#secrets = secrets
    this.#heads = heads
  }

  async check(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<void> {
    await this.#checked(request, passphrase, signal)
    await this.#find(request.volumeId, signal)
  }

  async unlock(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<Unlocked> {
    const header = await this.#checked(request, passphrase, signal)
    const { volumeId } = request
    const standing = await this.#find(volumeId, signal)
    if (!standing) {
      const description = `${DESCRIPTION} ${volumeId}`
      await this.#secrets.define({ uuid: volumeId, usage: volumeId, description }, signal)
    }
    await this.#secrets.setValue(volumeId, passphrase.reveal(), signal)
    return { change: standing?.hasValue ? 'already' : 'made', view: view(request, header) }
  }

  async #checked(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<LuksHeader> {
    signal?.throwIfAborted()
    checkProvider(request)
    const check = async (path: string) => {
      const header = await checkLuksVolume(this.#host, request, path)
      await checkPassphrase(this.#host, request, passphrase, signal, path)
      return header
    }
    return await this.#heads.with(request.source, check, signal)
  }

  async #header(request: UnlockRequest, signal?: AbortSignal): Promise<LuksHeader> {
    checkProvider(request)
    return await this.#heads.with(request.source, path => checkLuksVolume(this.#host, request, path), signal)
  }

  async lock({ volumeId }: LockRequest, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    if (!(await this.#find(volumeId, signal))) return 'already'
    return (await this.#secrets.undefine(volumeId, signal)) ? 'made' : 'already'
  }

  async cost(request: UnlockRequest, signal?: AbortSignal): Promise<DerivationCost> {
    signal?.throwIfAborted()
    return (await this.#header(request, signal)).derivation
  }

  async list(signal?: AbortSignal): Promise<readonly ViewFacts[]> {
    const secrets = await this.#secrets.list(signal)
    return secrets.map(({ uuid, usage, description }) => {
      const ours = uuid === usage && description.startsWith(`${DESCRIPTION} ${uuid}`)
      return { name: uuid, ...(ours && { volumeId: uuid }), holders: [] }
    })
  }

  async probe(request: UnlockRequest, signal?: AbortSignal): Promise<GuestSource | undefined> {
    signal?.throwIfAborted()
    const secret = await this.#secrets.lookupByUsage(request.volumeId, signal)
    if (!secret?.hasValue || secret.uuid !== request.volumeId) return undefined
    try {
      return view(request, await this.#header(request, signal))
    } catch (error) {
      if (hasCode(error, 'storage-absent')) return undefined
      if (isHoldfastError(error) && ['corrupt', 'unsafe', 'unsupported'].includes(error.kind)) return undefined
      throw error
    }
  }

  /** @throws HoldfastError `secret-foreign` (conflict) if the usage is taken by a secret that is not ours */
  async #find(volumeId: string, signal?: AbortSignal): Promise<KeptSecret | undefined> {
    const secret = await this.#secrets.lookupByUsage(volumeId, signal)
    if (!secret || secret.uuid === volumeId) return secret
    throw new HoldfastError(
      'conflict',
      'secret-foreign',
      `libvirt has a secret ${secret.uuid} for volume ${volumeId} that Holdfast did not make`,
      {
        details: {
          volume: volumeId,
          layer: 'encryption',
          left: 'it was not touched',
          hint: `if nothing needs it: virsh secret-undefine ${secret.uuid}`,
        },
      },
    )
  }
}

function checkProvider({ encryption, volumeId }: UnlockRequest): void {
  if (encryption?.provider === 'luks') return
  const found = encryption ? `provider '${encryption.provider}'` : 'no encryption'
  throw new HoldfastError(
    'unsupported',
    'encryption-unsupported',
    `QEMU itself decrypts LUKS1 only; volume ${volumeId} has ${found}`,
    { details: { volume: volumeId, layer: 'encryption', hint: 'load the kernel module dm-crypt' } },
  )
}

const view = ({ source, volumeId }: UnlockRequest, header: LuksHeader): GuestSource => ({
  mechanism: 'native',
  kind: source.kind,
  path: source.path,
  ...(source.network && { network: source.network }),
  sizeBytes: source.sizeBytes - header.payloadOffsetBytes,
  secretUuid: volumeId,
  luksUuid: header.uuid,
})

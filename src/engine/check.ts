import type { DiskSource, EncryptionMechanism, GuestSource } from '#src/core/disk.ts'
import { collectErrors, HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import { chooseMechanism } from '#src/encryptors/choose.ts'
import { domainDisk, domainSpec } from './domain-spec.ts'
import type { Walk } from './walk.ts'

/**
 * Read-only: would this volume come up? Its storage is there and is the volume's own, its key can be had, its header
 * has the recorded UUID and the key opens it. Gives the mechanism and the source below.
 */
export async function checkVolume(
  walk: Walk,
  volumeId: string,
  signal: AbortSignal,
): Promise<{ mechanism: EncryptionMechanism; source: DiskSource }> {
  const mapping = walk.mapping(volumeId)
  const info = walk.connectionInfo(volumeId)
  if (info.data.encrypted && !mapping.encryption) {
    throw new HoldfastError(
      'unsafe',
      'encryption-metadata-missing',
      `volume ${volumeId} is encrypted, but nothing is recorded of how; it would reach the guest as ciphertext`,
      { details: { volume: volumeId, layer: 'encryption' } },
    )
  }
  const source = await walk.connector(info).check(info, signal)
  const available = await walk.parts.mechanisms()
  const mechanism =
    mapping.mechanism ?? chooseMechanism(mapping.encryption, available, walk.parts.settings.preferredMechanism)
  if (mechanism === 'dm-crypt' && !available.dmCrypt) throw mechanismLost(volumeId, mechanism)
  if (mechanism === 'native' && !available.native) throw mechanismLost(volumeId, mechanism)
  if (mechanism !== 'none') {
    const passphrase = await walk.passphrase(volumeId, signal)
    const { encryption, luksUuid } = mapping
    await walk.parts.encryptors[mechanism].check({ volumeId, source, encryption, luksUuid }, passphrase, signal)
  }
  return { mechanism, source }
}

const mechanismLost = (volumeId: string, mechanism: string) =>
  new HoldfastError(
    'unsupported',
    'encryption-unsupported',
    `volume ${volumeId} is opened by ${mechanism} here, but this host can no longer do that`,
    { details: { volume: volumeId, layer: 'encryption', hint: "see what is lacking with 'holdfast host status'" } },
  )

/** The attachment is still the instance's own at the volume service; a service that is away does not stop a reboot. */
async function checkAttachment(walk: Walk, volumeId: string, signal: AbortSignal): Promise<void> {
  const { attachmentId } = walk.mapping(volumeId)
  if (attachmentId === undefined) return
  try {
    await walk.parts.volumes.attachmentGet(attachmentId, signal)
  } catch (error) {
    if (isHoldfastError(error) && (error.kind === 'unavailable' || error.kind === 'timeout')) return
    if (!hasCode(error, 'attachment-not-found')) throw error
    throw new HoldfastError(
      'unsafe',
      'attachment-lost',
      `the volume service no longer knows attachment ${attachmentId} of volume ${volumeId}; the volume may be another's by now`,
      { cause: error, details: { volume: volumeId, layer: 'attachment', hint: 'detach the volume from the instance' } },
    )
  }
}

/** Interfaces, kernel files, hypervisor and what QEMU must reach. `below`: the volumes' files, where they have one. */
export async function checkHost(
  walk: Walk,
  below: ReadonlyMap<string, DiskSource>,
  signal: AbortSignal,
): Promise<void> {
  const { parts, instance } = walk
  const files = walk.mappings.flatMap(mapping => {
    const source = below.get(mapping.volumeId)
    return source === undefined ? [] : [domainDisk(mapping, asGuestSource(source))]
  })
  const outcomes = await Promise.allSettled([
    ...instance.interfaces.map(nic => parts.nic.check(nic, signal)),
    parts.hypervisor.check(domainSpec(instance, files, parts.settings.instancesDirectory), signal),
  ])
  throwCollected(outcomes)
}

const asGuestSource = ({ kind, path, sizeBytes }: DiskSource): GuestSource => ({
  mechanism: 'none',
  kind,
  path,
  sizeBytes,
})

/**
 * All that the way up will need, looked at before anything is torn down: every volume, its attachment and key, the
 * interfaces, the hypervisor. Touches nothing; tells all that is wrong, not just the first.
 */
export async function preflight(walk: Walk, signal: AbortSignal): Promise<void> {
  const below = new Map<string, DiskSource>()
  const outcomes = await Promise.allSettled(
    walk.mappings.flatMap(({ volumeId }) => [
      checkAttachment(walk, volumeId, signal),
      checkVolume(walk, volumeId, signal).then(({ mechanism, source }) => {
        if (mechanism !== 'dm-crypt') below.set(volumeId, source)
      }),
    ]),
  )
  const [host] = await Promise.allSettled([checkHost(walk, below, signal)])
  throwCollected(host === undefined ? outcomes : [...outcomes, host])
}

function throwCollected(outcomes: readonly PromiseSettledResult<unknown>[]): void {
  const error = collectErrors(outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : [])))
  if (error) throw error
}

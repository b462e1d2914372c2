import { isNetworkDisk } from '#src/core/connection-info.ts'
import { withDeadline } from '#src/core/deadline.ts'
import type { DiskSource, EncryptionMechanism, GuestSource } from '#src/core/disk.ts'
import { collectErrors, HoldfastError, hasCode } from '#src/core/error.ts'
import { chooseMechanism } from '#src/encryptors/choose.ts'
import type { DerivationCost } from '#src/encryptors/encryptor.ts'
import type { BlockDeviceMapping } from '#src/store/records.ts'
import { flowOf } from './attachment/choose.ts'
import { throwAway } from './away.ts'
import { needOfDerivation } from './bounds.ts'
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
  const source = await checkStorage(walk, volumeId, signal)
  const mechanism = await mechanismFor(walk, volumeId)
  if (mechanism !== 'none') await tryKeySlot(walk, { volumeId, mechanism, source }, signal)
  return { mechanism, source }
}

/** The volume's storage is there and is its own, and its records say all that is needed to decrypt it. */
export async function checkStorage(walk: Walk, volumeId: string, signal: AbortSignal): Promise<DiskSource> {
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
  return await walk.connector(info).check(info, signal)
}

/** The one that is recorded, or the one that this volume would get; refused where the host cannot do it any more. */
export async function mechanismFor(walk: Walk, volumeId: string): Promise<EncryptionMechanism> {
  const mapping = walk.mapping(volumeId)
  const available = await walk.parts.mechanisms()
  if (isNetworkDisk(walk.connectionInfo(volumeId))) return mechanismOverNetwork(mapping, available.native)
  const mechanism =
    mapping.mechanism ?? chooseMechanism(mapping.encryption, available, walk.parts.settings.preferredMechanism)
  if (mechanism === 'dm-crypt' && !available.dmCrypt) throw mechanismLost(volumeId, mechanism)
  if (mechanism === 'native' && !available.native) throw mechanismLost(volumeId, mechanism)
  return mechanism
}

/** Nothing of a network disk lies on this host, so only QEMU itself can decrypt it, and QEMU knows LUKS1 alone. */
function mechanismOverNetwork({ volumeId, encryption }: BlockDeviceMapping, native: boolean): EncryptionMechanism {
  if (!encryption || encryption.controlLocation === 'back-end') return 'none'
  if (encryption.provider === 'luks' && native) return 'native'
  throw new HoldfastError(
    'unsupported',
    'encryption-unsupported',
    `volume ${volumeId} is a network disk encrypted by '${encryption.provider}', which QEMU cannot decrypt itself`,
    { details: { volume: volumeId, layer: 'encryption', hint: "use a volume type with provider 'luks'" } },
  )
}

/**
 * Read-only: fetches the key and tries it against the header, when there is room for the derivation. Gives what that takes,
 * by the header, and how long it took, milliseconds.
 */
export async function tryKeySlot(
  walk: Walk,
  { volumeId, mechanism, source }: { volumeId: string; mechanism: EncryptionMechanism; source: DiskSource },
  signal: AbortSignal,
): Promise<{ cost: DerivationCost; ms: number }> {
  const passphrase = await walk.passphrase(volumeId, signal)
  const { encryption, luksUuid } = walk.mapping(volumeId)
  const request = { volumeId, source, encryption, luksUuid }
  const encryptor = walk.parts.encryptors[mechanism]
  const { bounds, clock } = walk.parts
  const cost = await encryptor.cost(request, signal)
  const ms = await bounds.run(needOfDerivation(cost), { rank: walk.rank, signal }, async () => {
    const begun = clock.monotonic()
    await encryptor.check(request, passphrase, signal)
    return clock.monotonic() - begun
  })
  return { cost, ms }
}

const mechanismLost = (volumeId: string, mechanism: string) =>
  new HoldfastError(
    'unsupported',
    'encryption-unsupported',
    `volume ${volumeId} is opened by ${mechanism} here, but this host can no longer do that`,
    { details: { volume: volumeId, layer: 'encryption', hint: "see what is lacking with 'holdfast host status'" } },
  )

/**
 * The attachment is still the instance's own at the volume service.
 * @throws HoldfastError `attachment-lost` (unsafe), `volume-service-unavailable`
 */
export async function checkAttachment(walk: Walk, volumeId: string, signal: AbortSignal): Promise<void> {
  const { clock, settings } = walk.parts
  const what = `volume service, asked for the attachment of volume ${volumeId},`
  const ask = (inner: AbortSignal) => flowOf(walk, volumeId).isStanding(walk, volumeId, inner)
  const asked = withDeadline(clock, settings.deadlines.service, what, signal, ask)
  if (await asked.catch(cause => throwAway('volume-service-unavailable', cause, signal))) return
  const { attachmentId } = walk.mapping(volumeId)
  const attachment = attachmentId === undefined ? 'the attachment' : `attachment ${attachmentId}`
  throw new HoldfastError(
    'unsafe',
    'attachment-lost',
    `the volume service no longer knows ${attachment} of volume ${volumeId}; the volume may be another's by now`,
    { details: { volume: volumeId, layer: 'attachment', hint: 'detach the volume from the instance' } },
  )
}

/** All of them, whatever fails. */
export async function checkAttachments(walk: Walk, signal: AbortSignal): Promise<void> {
  throwCollected(await Promise.allSettled(walk.mappings.map(row => checkAttachment(walk, row.volumeId, signal))))
}

/** A service that is away does not keep an operator from rebooting what runs. */
async function checkAttachmentIfKnown(walk: Walk, volumeId: string, signal: AbortSignal): Promise<void> {
  try {
    await checkAttachment(walk, volumeId, signal)
  } catch (error) {
    if (!hasCode(error, 'volume-service-unavailable')) throw error
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

const asGuestSource = ({ kind, path, network, sizeBytes }: DiskSource): GuestSource => ({
  mechanism: 'none',
  kind,
  path,
  network,
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
      checkAttachmentIfKnown(walk, volumeId, signal),
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

import { type GuestSource, sameGuestSource } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { DiskFacts } from '#src/hypervisor/hypervisor.ts'
import type { Walk } from './walk.ts'

/**
 * The last look before a domain starts (I1, I2), from the host's own facts and not from what was just done: each volume's
 * source is the right device, an encrypted one's view is a crypt mapping over that device or a secret that is defined,
 * and the domain's configuration names exactly these disks.
 */
export async function verifyInstance(walk: Walk, signal: AbortSignal): Promise<void> {
  const views = new Map<string, GuestSource>()
  for (const { volumeId, target } of walk.mappings) views.set(target, await verifyVolume(walk, volumeId, signal))
  const domain = await walk.parts.hypervisor.observe(walk.instance.id, signal)
  if (!domain) throw refuse(walk, 'its domain is not defined')
  verifyDisks(walk, domain.persistentDisks, views)
}

/** The volume's view as it stands now; refuses anything that is not provably the recorded one. */
export async function verifyVolume(walk: Walk, volumeId: string, signal: AbortSignal): Promise<GuestSource> {
  const { encryption, luksUuid, mechanism } = walk.mapping(volumeId)
  const encryptor = walk.encryptor(volumeId)
  const wantsDecryption = encryption?.controlLocation === 'front-end'
  if (!encryptor || wantsDecryption === (mechanism === 'none')) {
    throw refuse(walk, `volume ${volumeId} has no decryption that fits its encryption`, volumeId)
  }
  const info = walk.connectionInfo(volumeId)
  const source = await walk.connector(info).probe(info, { asBlock: encryptor.needsBlock }, signal)
  if (!source) throw refuse(walk, `volume ${volumeId} is not connected`, volumeId)
  const view = await encryptor.probe({ volumeId, source, encryption, luksUuid }, signal)
  if (!view) throw refuse(walk, `volume ${volumeId} has no ${mechanism} view over ${source.path}`, volumeId)
  const expected = walk.views.get(volumeId)
  if (expected && !sameGuestSource(expected, view)) {
    throw refuse(walk, `volume ${volumeId} is at ${view.path} by ${view.mechanism}, not at ${expected.path}`, volumeId)
  }
  return view
}

function verifyDisks(walk: Walk, disks: readonly DiskFacts[], views: ReadonlyMap<string, GuestSource>): void {
  for (const disk of disks) {
    const view = views.get(disk.target)
    if (!view) throw refuse(walk, `its domain has a disk ${disk.target} that is not recorded`)
    const isSame =
      disk.path === view.path &&
      disk.secretUuid === view.secretUuid &&
      disk.authSecretUuid === view.network?.auth?.secretUuid
    if (!isSame) {
      throw refuse(walk, `disk ${disk.target} of its domain is ${disk.path ?? 'something else'}, not ${view.path}`)
    }
  }
  if (disks.length !== views.size) throw refuse(walk, `its domain has ${disks.length} disks, not ${views.size}`)
}

const refuse = (walk: Walk, reason: string, volume?: string) =>
  new HoldfastError('unsafe', 'not-verified', `instance '${walk.instance.name}' is not started: ${reason}`, {
    details: { instance: walk.instance.id, volume, layer: 'presentation' },
  })

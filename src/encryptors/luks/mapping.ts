import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { MappingFacts } from '#src/host/device-mapper.ts'
import { describeHolders, devicesOver, holdersOf } from '#src/host/holders.ts'
import type { Host } from '#src/host/host.ts'
import type { LuksHeader } from '#src/host/luks-header.ts'
import type { LockRequest } from '../encryptor.ts'

/** `crypt-<volume id>`: 42 characters of the 127 that device-mapper allows, and nothing in it that it would escape. */
export const mappingName = (volumeId: string): string => `crypt-${volumeId}`

export const mappingPath = (volumeId: string): string => `/dev/mapper/${mappingName(volumeId)}`

/** As cryptsetup writes it (`lib/libdevmapper.c`, `dm_prepare_uuid`): `CRYPT-LUKS2-<UUID without dashes>-<name>`. */
export const mappingUuid = (volumeId: string, { version, uuid }: Pick<LuksHeader, 'version' | 'uuid'>): string =>
  `CRYPT-LUKS${version}-${uuid.replaceAll('-', '')}-${mappingName(volumeId)}`

/**
 * What is wrong with a mapping of our name for this header on this device, in words; undefined if it is exactly the one
 * (I1): one crypt target, over this device from the header's end on, with the header's UUID, and its node leads to it.
 */
export async function faultOf(
  host: Host,
  volumeId: string,
  mapping: MappingFacts,
  header: LuksHeader,
  device: string,
): Promise<string | undefined> {
  const [target, ...more] = mapping.targets
  if (target?.target !== 'crypt' || !target.below || more.length > 0) return 'is no crypt mapping'
  if (target.below.device !== device) return `lies on device ${target.below.device}, not on ${device}`
  if (mapping.uuid !== mappingUuid(volumeId, header)) return `has the device-mapper UUID '${mapping.uuid}'`
  if (target.below.offsetBytes !== header.payloadOffsetBytes) return `begins at byte ${target.below.offsetBytes}`
  const node = await host.files.stat(mappingPath(volumeId))
  if (node?.kind !== 'block' || node.device !== mapping.device) return 'is not what its device node leads to'
  return undefined
}

/**
 * Only a crypt mapping with the volume's own LUKS UUID can be of our making, on whatever device it lies; what else has our
 * name belongs to somebody, and is left alone.
 * @throws HoldfastError `wrong-device`
 */
export function checkOurs({ volumeId, luksUuid }: LockRequest, mapping: MappingFacts): void {
  const fault = foreignness(volumeId, luksUuid, mapping)
  if (fault === undefined) return
  const below = mapping.targets.flatMap(target => (target.below ? [target.below.device] : []))
  const where = below.length > 0 ? `, over device ${below.join(', ')}` : ''
  throw new HoldfastError(
    'unsafe',
    'wrong-device',
    `${mappingPath(volumeId)} is not a mapping of volume ${volumeId}: it ${fault}${where}`,
    {
      details: {
        volume: volumeId,
        layer: 'encryption',
        hint: `find out whose it is (dmsetup table ${mappingName(volumeId)}), and remove or rename it`,
      },
    },
  )
}

function foreignness(volumeId: string, luksUuid: string | undefined, mapping: MappingFacts): string | undefined {
  const targets = mapping.targets.map(({ target }) => target)
  if (targets.some(target => target !== 'crypt')) return `maps ${targets.join(', ')}, not crypt`
  const isKnown = luksUuid !== undefined || targets.length === 0
  if (!isKnown || isOurUuid({ volumeId, luksUuid }, mapping.uuid)) return undefined
  return `has the device-mapper UUID '${mapping.uuid}'`
}

/** Whether cryptsetup would give this UUID to the volume's mapping; with any LUKS UUID if none is recorded. */
export function isOurUuid({ volumeId, luksUuid }: LockRequest, uuid: string): boolean {
  if (luksUuid === undefined) return LUKS_UUID.exec(uuid)?.at(-1) === mappingName(volumeId)
  return ([1, 2] as const).some(version => uuid === mappingUuid(volumeId, { version, uuid: luksUuid }))
}

/** Crypt mappings, and whatever has a name of ours. */
export const isOfInterest = ({ name, targets }: MappingFacts): boolean =>
  targets.some(({ target }) => target === 'crypt') || OUR_NAME.test(name)

const OUR_NAME = /^crypt-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/
const LUKS_UUID = /^CRYPT-LUKS[12]-([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})-(.+)$/

/** Whose mapping it is, by its name and device-mapper's UUID together; nothing if either is not as we make it. */
export function volumeOfMapping({ name, uuid, targets }: MappingFacts): { volumeId?: string; luksUuid?: string } {
  const [, ...parts] = LUKS_UUID.exec(uuid) ?? []
  const named = parts.pop()
  const luksUuid = parts.length > 0 ? parts.join('-') : undefined
  const volumeId = OUR_NAME.exec(name)?.[1]
  const ours = named === name && targets.length <= 1 && targets.every(({ target }) => target === 'crypt')
  return { ...(ours && volumeId !== undefined && { volumeId }), ...(luksUuid !== undefined && { luksUuid }) }
}

/** The same failure, with who holds the mapping. */
export async function withHolders(host: Host, volumeId: string, error: unknown, also = ''): Promise<unknown> {
  if (!hasCode(error, 'busy')) return error
  const held = describeHolders(await holdersOf(host, mappingPath(volumeId)))
  const message = `${mappingPath(volumeId)} is in use${also}: ${held}`
  return new HoldfastError('busy', 'busy', message, {
    cause: error,
    details: detailsOf(volumeId, 'it stands as it was'),
  })
}

/** After a close: nothing else of device-mapper's may lie on the device that it lay on. */
export async function checkReleased(host: Host, volumeId: string, mapping: MappingFacts): Promise<void> {
  for (const { below } of mapping.targets) {
    const over = below ? await devicesOver(host, below.device) : []
    if (below === undefined || over.length === 0) continue
    const message = `${mappingPath(volumeId)} was closed, but its device ${below.device} is still ${describeHolders(over)}`
    throw new HoldfastError('busy', 'busy', message, { details: detailsOf(volumeId, over.join(', ')) })
  }
}

const detailsOf = (volume: string, left: string) =>
  ({ volume, layer: 'encryption', left, hint: 'end what holds it, then try again' }) as const

import type { ConnectorProperties } from '#src/core/connection-info.ts'
import { HoldfastError } from '#src/core/error.ts'
import { checkName, checkUuid } from '#src/core/names.ts'
import { invalidInput } from './errors.ts'
import { checkSize } from './rules.ts'
import type { AttachmentFilter, CreateVolume, CreateVolumeType, VolumeTypeEncryption } from './volume-service.ts'

/** Checks of what comes from outside, before anything is looked up or changed. Pure. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come in
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/** @throws HoldfastError `invalid-input` for a text that is too long or has control characters */
export function checkText(what: string, text: string, maxLength = 255): string {
  if (typeof text !== 'string') throw invalidInput(`${what} must be a text`)
  if (text.length > maxLength) throw invalidInput(`${what} has ${text.length} characters; ${maxLength} are allowed`)
  if (CONTROL.test(text)) throw invalidInput(`${what} has a control character`)
  return text
}

/** @throws HoldfastError `invalid-name`, `invalid-size`, `invalid-input` */
export function checkCreateVolume(request: CreateVolume, largestSize?: number): void {
  if (request.name !== undefined) checkName('volume', request.name)
  if (request.description !== undefined) checkText('the description', request.description)
  if (request.availabilityZone !== undefined) checkName('availability zone', request.availabilityZone)
  if (request.size !== undefined) checkSize(request.size, largestSize)
  checkMetadata(request.metadata ?? {})
  const { snapshotId, sourceVolumeId, imageFile, imageId } = request
  const sources = [snapshotId, sourceVolumeId, imageFile, imageId].filter(source => source !== undefined)
  if (sources.length > 1) throw invalidInput('a volume has one source: a snapshot, a volume or an image')
}

/** The embedded service takes images from files of this host. */
export function fileOfImage(request: { imageFile?: string | undefined; imageId?: string | undefined }): string {
  if (request.imageFile !== undefined) return request.imageFile
  throw new HoldfastError('unsupported', 'image-service-missing', 'the embedded volume service has no image service', {
    details: { hint: 'give the path of an image file' },
  })
}

/** At most 128 pairs of at most 255 characters each (Cinder's limits). */
export function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  const pairs = Object.entries(metadata)
  if (pairs.length > 128) throw invalidInput(`${pairs.length} metadata items were given; 128 are allowed`)
  for (const [key, value] of pairs) {
    if (key === '') throw invalidInput('a metadata key is empty')
    checkText('a metadata key', key)
    checkText(`the value of metadata ${key}`, value)
  }
}

export function checkSnapshotRequest(request: { name?: string | undefined; description?: string | undefined }): void {
  if (request.name !== undefined) checkName('snapshot', request.name)
  if (request.description !== undefined) checkText('the description', request.description)
}

/**
 * A volume type with its defaults filled in. Only what a host can really decrypt is let in, since a volume whose
 * encryption nobody performs would be written in the clear.
 * @throws HoldfastError `invalid-name`, `invalid-input`, `encryption-unsupported`
 */
export function checkVolumeType(request: CreateVolumeType): {
  name: string
  multiattach: boolean
  encryption: VolumeTypeEncryption | undefined
} {
  checkName('volume type', request.name)
  const { encryption, multiattach = false } = request
  if (!encryption) return { name: request.name, multiattach, encryption: undefined }
  const { provider, cipher = 'aes-xts-plain64', keySize = 512, controlLocation = 'front-end' } = encryption
  if (provider !== 'luks' && provider !== 'luks2') {
    throw unsupported(`encryption provider '${provider}' is not available in this pool`, "use 'luks2' or 'luks'")
  }
  if (controlLocation !== 'front-end') {
    throw unsupported(
      `control location '${controlLocation}' is not available: the pool does not encrypt`,
      'use front-end',
    )
  }
  if (!/^[a-z0-9]{1,20}-[a-z0-9]{1,10}-[a-z0-9:]{1,20}$/.test(cipher)) {
    throw invalidInput(`'${cipher.slice(0, 60)}' is not a cipher like aes-xts-plain64`)
  }
  const allowed = cipher.includes('-xts-') ? [256, 512] : [128, 192, 256]
  if (!allowed.includes(keySize)) {
    throw invalidInput(`the key size of ${cipher} must be one of ${allowed.join(', ')} bits, not ${keySize}`)
  }
  refuseSharedEncryption(multiattach, true)
  return { name: request.name, multiattach, encryption: { provider, cipher, keySize, controlLocation } }
}

/** As Cinder does: two hosts or guests over one encrypted volume are not supported. */
export function refuseSharedEncryption(multiattach: boolean, encrypted: boolean): void {
  if (!multiattach || !encrypted) return
  throw unsupported('a volume cannot be both encrypted and multiattach', 'leave one of the two away')
}

const unsupported = (message: string, hint: string) =>
  new HoldfastError('unsupported', 'encryption-unsupported', message, { details: { hint } })

/** @throws HoldfastError `invalid-input` unless it says which attachments are meant */
export function checkAttachmentFilter({ instanceId, volumeId, all }: AttachmentFilter): void {
  if (instanceId !== undefined || volumeId !== undefined || all) return
  throw invalidInput('attachments are listed by instance, by volume, or by both')
}

export function checkAttachmentRequest(instanceId: string, mountpoint: string | undefined): void {
  checkUuid('instance', instanceId)
  if (mountpoint !== undefined) checkMountpoint(mountpoint)
}

/** A guest device path; empty is 'not known'. */
export function checkMountpoint(mountpoint: string): string {
  if (/^[\x21-\x7e]{0,255}$/.test(mountpoint)) return mountpoint
  throw invalidInput(`${JSON.stringify(mountpoint.slice(0, 40))} is not a guest device path like /dev/vdb`)
}

/** The guest device path that a connector or its caller names; the connector's own wins. */
export function mountpointOf(connector: ConnectorProperties, mountpoint: string | undefined): string | undefined {
  const chosen = connector.mountpoint ?? mountpoint
  return chosen === undefined ? undefined : checkMountpoint(chosen)
}

export function checkConnector(connector: ConnectorProperties): void {
  if (typeof connector?.host !== 'string' || connector.host === '') throw invalidInput('the connector names no host')
}

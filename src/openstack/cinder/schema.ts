import {
  type At,
  count,
  countOrNull,
  flag,
  flagOrWord,
  integer,
  list,
  object,
  text,
  textOrNull,
  texts,
} from './fields.ts'
import type {
  CinderAttachment,
  CinderAttachmentSummary,
  CinderEncryption,
  CinderMessage,
  CinderSnapshot,
  CinderTypeEncryption,
  CinderVolume,
  CinderVolumeAttachment,
  CinderVolumeType,
} from './records.ts'

/**
 * Unknown JSON to records, by hand: listings have thousands of items. What is missing or of another type is refused and named
 * (`reply-malformed`); fields that are not known are passed over.
 */

const NONE: readonly CinderVolumeAttachment[] = []

export function parseVolume(value: unknown, at: At): CinderVolume {
  const raw = object(value, 'volume', at)
  return {
    id: text(raw.id, 'id', at),
    status: text(raw.status, 'status', at),
    size: count(raw.size, 'size', at),
    availabilityZone: textOrNull(raw.availability_zone, 'availability_zone', at),
    createdAt: text(raw.created_at, 'created_at', at),
    name: textOrNull(raw.name, 'name', at),
    description: textOrNull(raw.description, 'description', at),
    volumeType: textOrNull(raw.volume_type, 'volume_type', at),
    snapshotId: textOrNull(raw.snapshot_id, 'snapshot_id', at),
    sourceVolumeId: textOrNull(raw.source_volid, 'source_volid', at),
    metadata: texts(raw.metadata, 'metadata', at),
    bootable: flagOrWord(raw.bootable, 'bootable', at),
    encrypted: flag(raw.encrypted, 'encrypted', at),
    multiattach: raw.multiattach === undefined ? false : flag(raw.multiattach, 'multiattach', at),
    attachments: parseVolumeAttachments(raw.attachments, at),
    imageMetadata:
      raw.volume_image_metadata === undefined
        ? undefined
        : texts(raw.volume_image_metadata, 'volume_image_metadata', at),
    sharedTargets: flagOrNothing(raw.shared_targets, 'shared_targets', at),
    serviceUuid: textOrNothing(raw.service_uuid, 'service_uuid', at),
    migrationStatus: textOrNothing(raw.migration_status, 'migration_status', at),
    nameId: textOrNothing(raw['os-vol-mig-status-attr:name_id'], 'os-vol-mig-status-attr:name_id', at),
  }
}

const textOrNothing = (value: unknown, field: string, at: At): string | null | undefined =>
  value === undefined ? undefined : textOrNull(value, field, at)

const flagOrNothing = (value: unknown, field: string, at: At): boolean | null | undefined =>
  value === undefined || value === null ? value : flag(value, field, at)

function parseVolumeAttachments(value: unknown, at: At): readonly CinderVolumeAttachment[] {
  const raw = list(value, 'attachments', at)
  return raw.length === 0 ? NONE : raw.map(one => parseVolumeAttachment(one, at))
}

function parseVolumeAttachment(value: unknown, at: At): CinderVolumeAttachment {
  const raw = object(value, 'attachments', at)
  return {
    attachmentId: text(raw.attachment_id, 'attachments.attachment_id', at),
    serverId: textOrNull(raw.server_id, 'attachments.server_id', at),
    device: textOrNull(raw.device, 'attachments.device', at),
    hostName: textOrNull(raw.host_name, 'attachments.host_name', at),
  }
}

const PROGRESS = 'os-extended-snapshot-attributes:progress'

export function parseSnapshot(value: unknown, at: At): CinderSnapshot {
  const raw = object(value, 'snapshot', at)
  return {
    id: text(raw.id, 'id', at),
    status: text(raw.status, 'status', at),
    size: count(raw.size, 'size', at),
    volumeId: text(raw.volume_id, 'volume_id', at),
    createdAt: text(raw.created_at, 'created_at', at),
    name: textOrNull(raw.name, 'name', at),
    description: textOrNull(raw.description, 'description', at),
    metadata: texts(raw.metadata, 'metadata', at),
    progress: textOrNull(raw[PROGRESS], PROGRESS, at) ?? undefined,
  }
}

export function parseAttachmentSummary(value: unknown, at: At): CinderAttachmentSummary {
  const raw = object(value, 'attachment', at)
  return {
    id: text(raw.id, 'id', at),
    status: text(raw.status, 'status', at),
    instanceId: textOrNull(raw.instance, 'instance', at),
    volumeId: text(raw.volume_id, 'volume_id', at),
  }
}

/** Missing times are empty texts, and a missing mode is the text `null`: so the service writes them. */
export function parseAttachment(value: unknown, at: At): CinderAttachment {
  const raw = object(value, 'attachment', at)
  const mode = textOrNull(raw.attach_mode, 'attach_mode', at)
  const info = object(raw.connection_info ?? {}, 'connection_info', at)
  return {
    ...parseAttachmentSummary(raw, at),
    attachedAt: textOrNull(raw.attached_at, 'attached_at', at) || null,
    attachMode: mode === 'null' ? null : mode,
    connectionInfo: Object.keys(info).length === 0 ? undefined : info,
  }
}

export function parseVolumeType(value: unknown, at: At): CinderVolumeType {
  const raw = object(value, 'volume_type', at)
  return {
    id: text(raw.id, 'id', at),
    name: text(raw.name, 'name', at),
    extraSpecs: raw.extra_specs === undefined ? undefined : object(raw.extra_specs, 'extra_specs', at),
  }
}

/** Undefined for a type that is not encrypted, of which the service says nothing at all. */
export function parseTypeEncryption(value: unknown, at: At): CinderTypeEncryption | undefined {
  const raw = object(value, 'encryption', at)
  if (raw.provider === undefined) return undefined
  return {
    provider: text(raw.provider, 'provider', at),
    cipher: textOrNull(raw.cipher, 'cipher', at),
    keySize: countOrNull(raw.key_size, 'key_size', at),
    controlLocation: text(raw.control_location, 'control_location', at),
  }
}

export function parseEncryption(value: unknown, at: At): CinderEncryption {
  const raw = object(value, 'encryption', at)
  return {
    keyId: textOrNull(raw.encryption_key_id, 'encryption_key_id', at),
    provider: textOrNull(raw.provider, 'provider', at),
    cipher: textOrNull(raw.cipher, 'cipher', at),
    keySize: countOrNull(raw.key_size, 'key_size', at),
    controlLocation: textOrNull(raw.control_location, 'control_location', at),
  }
}

export function parseMessage(value: unknown, at: At): CinderMessage {
  const raw = object(value, 'message', at)
  return {
    id: text(raw.id, 'id', at),
    resourceType: textOrNull(raw.resource_type, 'resource_type', at),
    resourceId: textOrNull(raw.resource_uuid, 'resource_uuid', at),
    userMessage: text(raw.user_message, 'user_message', at),
    createdAt: text(raw.created_at, 'created_at', at),
  }
}

/** Names and numbers; −1 is no limit. What is no number is passed over. */
export function parseLimits(value: unknown, at: At): Readonly<Record<string, number>> {
  const { absolute } = object(object(value, 'reply', at).limits, 'limits', at)
  const raw = object(absolute, 'limits.absolute', at)
  const entries = Object.entries(raw).filter(([, each]) => typeof each === 'number')
  return Object.fromEntries(entries.map(([name, each]) => [name, integer(each, `limits.absolute.${name}`, at)]))
}

import { apiTime } from '#src/core/clock.ts'
import type { InstanceView, OperationResult, OperationView, PlanView } from '#src/engine/api.ts'
import type { HostStatus } from '#src/holdfast.ts'
import type { JournalEntry, OperationRecord, RecordedError } from '#src/journal/operation.ts'
import type { BlockDeviceMapping } from '#src/store/records.ts'
import type { Snapshot, Volume, VolumeType } from '#src/volumes/volume-service.ts'

/**
 * What `--json` prints. Names and forms are those of the Block Storage API v3 and the Compute API v2.1; what those do
 * not have (operations, plans, the host) is named in the same manner.
 */
export type Json = Readonly<Record<string, unknown>>

export const volumeJson = (volume: Volume): Json => ({
  id: volume.id,
  name: volume.name,
  description: volume.description,
  status: volume.status,
  size: volume.size,
  volume_type: volume.volumeType,
  encrypted: volume.encrypted,
  // The API has this one as text.
  bootable: String(volume.bootable),
  multiattach: volume.multiattach,
  availability_zone: volume.availabilityZone,
  snapshot_id: volume.snapshotId,
  source_volid: volume.sourceVolumeId,
  attachments: volume.attachments.map(attachment => ({
    id: volume.id,
    attachment_id: attachment.attachmentId,
    volume_id: volume.id,
    server_id: attachment.serverId,
    device: attachment.device,
  })),
  metadata: volume.metadata,
  created_at: volume.createdAt,
})

export const snapshotJson = (snapshot: Snapshot): Json => ({
  id: snapshot.id,
  name: snapshot.name,
  description: snapshot.description,
  status: snapshot.status,
  size: snapshot.size,
  volume_id: snapshot.volumeId,
  'os-extended-snapshot-attributes:progress': snapshot.progress,
  created_at: snapshot.createdAt,
})

export const volumeTypeJson = (type: VolumeType): Json => ({
  id: type.id,
  name: type.name,
  // As extra spec, as the API has it.
  extra_specs: type.multiattach ? { multiattach: '<is> True' } : {},
  encryption:
    type.encryption === undefined
      ? null
      : {
          provider: type.encryption.provider,
          cipher: type.encryption.cipher,
          key_size: type.encryption.keySize,
          control_location: type.encryption.controlLocation,
        },
})

/** Power states by the names that Nova gives them (`nova/compute/power_state.py`, 2026.2). */
const POWER_STATES: Readonly<Record<NonNullable<InstanceView['power']>, string>> = {
  none: 'pending',
  running: 'running',
  paused: 'paused',
  suspended: 'suspended',
  'shutting-down': 'shutdown',
  shutoff: 'shutdown',
  crashed: 'crashed',
}

/** Without the last digits: `2026-11-22T10:00:00Z`, as the Compute API has it. */
const computeTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

const mappingJson = (mapping: BlockDeviceMapping): Json => ({
  id: mapping.volumeId,
  device: `/dev/${mapping.target}`,
  attachment_id: mapping.attachmentId ?? null,
  boot_index: mapping.bootIndex ?? null,
  delete_on_termination: mapping.deleteOnTermination,
  encrypted: mapping.encryption !== undefined,
  encryption_mechanism: mapping.mechanism ?? null,
})

export const errorJson = (error: RecordedError): Json => ({
  code: error.code,
  kind: error.kind,
  message: error.message,
  left: error.left ?? null,
  hint: error.hint ?? null,
})

export function instanceJson({ record, mappings, power }: InstanceView): Json {
  return {
    id: record.id,
    name: record.name,
    status: record.status,
    'OS-EXT-STS:power_state': power === undefined ? null : POWER_STATES[power],
    'OS-EXT-AZ:availability_zone': record.availabilityZone,
    flavor: { vcpus: record.cpus, ram: record.memoryMib },
    volumes_attached: mappings.map(mappingJson),
    interfaces: record.interfaces.map(({ portId, bridge, mac, tap }) => ({ port_id: portId, bridge, mac, tap })),
    'OS-EXT-STS:task_state': record.taskState ?? null,
    wanted: record.wanted,
    priority: record.priority,
    fault: record.fault === undefined ? null : errorJson(record.fault),
    created: computeTime(record.createdAt),
  }
}

export const operationJson = (record: OperationRecord): Json => ({
  id: record.id,
  kind: record.kind,
  state: record.state,
  instance_id: record.instanceId,
  instance_name: record.instanceName,
  volume_id: record.volumeId ?? null,
  error: record.error === undefined ? null : errorJson(record.error),
  started_at: apiTime(record.startedAt),
  finished_at: record.finishedAt === undefined ? null : apiTime(record.finishedAt),
})

const entryJson = (entry: JournalEntry): Json => ({
  step: entry.step,
  event: entry.event,
  action: entry.action,
  subject: entry.subject,
  change: entry.change ?? null,
  error: entry.error === undefined ? null : errorJson(entry.error),
  at: apiTime(entry.at),
})

export const operationViewJson = ({ record, entries }: OperationView): Json => ({
  ...operationJson(record),
  entries: entries.map(entryJson),
})

export const resultJson = ({ operation, change, notes }: OperationResult): Json => ({
  operation: operationJson(operation),
  change,
  notes,
})

/** A plan of an instance verb, or of a volume verb in the same form. */
export type AnyPlan = Omit<PlanView, 'kind' | 'instance'> & { readonly kind: string; readonly instance?: string }

export const planJson = ({ kind, instance, steps, problems }: AnyPlan): Json => ({
  kind,
  instance: instance ?? null,
  steps: steps.map(({ action, subject, title, depth }) => ({ action, subject, title, depth })),
  problems: problems.map(({ code, message, hint }) => ({ code, message, hint: hint ?? null })),
})

export const hostJson = (status: HostStatus): Json => ({
  host: status.host,
  boot_id: status.bootId,
  availability_zone: status.availabilityZone,
  state_directory: status.stateDirectory,
  pool: { path: status.pool.path, free_bytes: status.pool.freeBytes },
  abilities: status.abilities.map(({ name, available, detail, hint }) => ({
    name,
    available,
    detail,
    hint: hint ?? null,
  })),
})

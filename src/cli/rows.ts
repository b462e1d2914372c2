import { formatBytes } from '#src/core/sizes.ts'
import type { InstanceView, OperationView } from '#src/engine/api.ts'
import type { HostStatus } from '#src/holdfast.ts'
import type { OperationRecord } from '#src/journal/operation.ts'
import type { Snapshot, Volume, VolumeType } from '#src/volumes/volume-service.ts'
import { seconds } from './progress.ts'
import type { Column, FieldRow } from './table.ts'

/** What tables and `show` print for eyes. */

const yesNo = (value: boolean): string => (value ? 'yes' : 'no')

const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

const attachedTo = (volume: Volume, separator: string): string =>
  volume.attachments.map(({ serverId, device }) => (device === '' ? serverId : `${serverId} ${device}`)).join(separator)

export const VOLUME_COLUMNS: readonly Column<Volume>[] = [
  { header: 'id', value: ({ id }) => id },
  { header: 'name', value: ({ name }) => name ?? '-' },
  { header: 'status', value: ({ status }) => status, status: true },
  { header: 'size', value: ({ size }) => `${size} GiB`, align: 'right' },
  { header: 'type', value: ({ volumeType }) => volumeType ?? '-' },
  { header: 'encrypted', value: ({ encrypted }) => (encrypted ? 'yes' : '-') },
  { header: 'attached to', value: volume => attachedTo(volume, ', ') || '-' },
]

export const volumeFields = (volume: Volume): readonly FieldRow[] => [
  ['id', volume.id],
  ['name', volume.name],
  ['status', volume.status],
  ['size', `${volume.size} GiB`],
  ['volume_type', volume.volumeType],
  ['encrypted', yesNo(volume.encrypted)],
  ['bootable', yesNo(volume.bootable)],
  ['multiattach', yesNo(volume.multiattach)],
  ['availability_zone', volume.availabilityZone],
  ['snapshot_id', volume.snapshotId],
  ['source_volid', volume.sourceVolumeId],
  ['attachments', attachedTo(volume, '\n')],
  ['metadata', pairs(volume.metadata)],
  ['description', volume.description],
  ['created_at', volume.createdAt],
]

const pairs = (metadata: Readonly<Record<string, string>>): string =>
  Object.entries(metadata)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')

export const SNAPSHOT_COLUMNS: readonly Column<Snapshot>[] = [
  { header: 'id', value: ({ id }) => id },
  { header: 'name', value: ({ name }) => name ?? '-' },
  { header: 'status', value: ({ status }) => status, status: true },
  { header: 'size', value: ({ size }) => `${size} GiB`, align: 'right' },
  { header: 'volume', value: ({ volumeId }) => volumeId },
]

export const snapshotFields = (snapshot: Snapshot): readonly FieldRow[] => [
  ['id', snapshot.id],
  ['name', snapshot.name],
  ['status', snapshot.status],
  ['size', `${snapshot.size} GiB`],
  ['volume_id', snapshot.volumeId],
  ['progress', snapshot.progress],
  ['description', snapshot.description],
  ['created_at', snapshot.createdAt],
]

export const VOLUME_TYPE_COLUMNS: readonly Column<VolumeType>[] = [
  { header: 'id', value: ({ id }) => id },
  { header: 'name', value: ({ name }) => name },
  { header: 'encryption', value: ({ encryption }) => encryption?.provider ?? '-' },
  { header: 'cipher', value: ({ encryption }) => encryption?.cipher ?? '-' },
  { header: 'key', value: ({ encryption }) => (encryption ? `${encryption.keySize} bit` : '-'), align: 'right' },
  { header: 'multiattach', value: ({ multiattach }) => (multiattach ? 'yes' : '-') },
]

export const volumeTypeFields = (type: VolumeType): readonly FieldRow[] => [
  ['id', type.id],
  ['name', type.name],
  ['encryption', type.encryption?.provider],
  ['cipher', type.encryption?.cipher],
  ['key_size', type.encryption?.keySize],
  ['control_location', type.encryption?.controlLocation],
  ['multiattach', yesNo(type.multiattach)],
]

const power = ({ power: state }: InstanceView): string =>
  state === undefined ? 'unknown' : state === 'none' ? 'no domain' : state

const PRIORITY_COLUMN: Column<InstanceView> = {
  header: 'priority',
  value: ({ record }) => record.priority || '-',
  align: 'right',
}

/** `SHUTOFF waiting-for-key` */
const instanceStatus = ({ record: { status, taskState } }: InstanceView): string =>
  taskState === undefined ? status : `${status} ${taskState}`

/** The priority is shown once one of them has another than 0. */
export const instanceColumns = (views: readonly InstanceView[]): readonly Column<InstanceView>[] => [
  { header: 'id', value: ({ record }) => record.id },
  { header: 'name', value: ({ record }) => record.name },
  { header: 'status', value: instanceStatus, status: true },
  { header: 'power', value: power },
  ...(views.every(({ record }) => record.priority === 0) ? [] : [PRIORITY_COLUMN]),
  { header: 'cpus', value: ({ record }) => record.cpus, align: 'right' },
  { header: 'memory', value: ({ record }) => `${record.memoryMib} MiB`, align: 'right' },
  { header: 'volumes', value: ({ mappings }) => mappings.length, align: 'right' },
]

export function instanceFields(view: InstanceView): readonly FieldRow[] {
  const { record, mappings } = view
  const volumes = mappings.map(({ target, volumeId, bootIndex, mechanism }) =>
    [`/dev/${target}`, volumeId, bootIndex === 0 ? 'boot' : '', mechanism ?? ''].filter(text => text !== '').join(' '),
  )
  return [
    ['id', record.id],
    ['name', record.name],
    ['status', instanceStatus(view)],
    ['power', power(view)],
    ['wanted', record.wanted],
    ...(record.priority === 0 ? [] : [['priority', record.priority] as const]),
    ['fault', record.fault?.message],
    ['cpus', record.cpus],
    ['memory', `${record.memoryMib} MiB`],
    ['availability_zone', record.availabilityZone],
    ['kernel', record.kernel?.image],
    ['initrd', record.kernel?.initrd],
    ['append', record.kernel?.append],
    ['volumes', volumes.join('\n')],
    ['interfaces', record.interfaces.map(({ bridge, mac, tap }) => `${bridge} ${mac} ${tap}`).join('\n')],
    ['created', time(record.createdAt)],
  ]
}

export const OPERATION_COLUMNS: readonly Column<OperationRecord>[] = [
  { header: 'id', value: ({ id }) => id },
  { header: 'operation', value: ({ kind }) => kind },
  { header: 'instance', value: ({ instanceName }) => instanceName },
  { header: 'state', value: ({ state }) => state, status: true },
  { header: 'started', value: ({ startedAt }) => time(startedAt) },
  { header: 'took', value: operation => took(operation), align: 'right' },
  { header: 'error', value: ({ error }) => error?.code ?? '-' },
]

const took = ({ startedAt, finishedAt }: OperationRecord): string =>
  finishedAt === undefined ? '-' : seconds(finishedAt - startedAt)

export const operationFields = ({ record }: OperationView): readonly FieldRow[] => [
  ['id', record.id],
  ['operation', record.kind],
  ['state', record.state],
  ['instance', `${record.instanceId} (${record.instanceName})`],
  ['volume', record.volumeId],
  ['started', time(record.startedAt)],
  ['finished', record.finishedAt === undefined ? undefined : time(record.finishedAt)],
  ['error', record.error === undefined ? undefined : `${record.error.code}: ${record.error.message}`],
  ['left', record.error?.left],
  ['hint', record.error?.hint],
]

export const ENTRY_COLUMNS: readonly Column<OperationView['entries'][number]>[] = [
  { header: 'step', value: ({ step }) => step, align: 'right' },
  { header: 'event', value: ({ event }) => event, status: true },
  { header: 'action', value: ({ action }) => action },
  { header: 'subject', value: ({ subject }) => subject },
  { header: 'at', value: ({ at }) => new Date(at).toISOString() },
  { header: 'result', value: ({ change, error }) => error?.message ?? change ?? '-' },
]

export const hostFields = (status: HostStatus): readonly FieldRow[] => [
  ['host', status.host],
  ['boot_id', status.bootId],
  ['availability_zone', status.availabilityZone],
  ['state_directory', status.stateDirectory],
  ['pool', `${status.pool.path} (${formatBytes(status.pool.freeBytes)} free)`],
]

export const ABILITY_COLUMNS: readonly Column<HostStatus['abilities'][number]>[] = [
  { header: 'ability', value: ({ name }) => name },
  { header: 'there', value: ({ available }) => yesNo(available), status: true },
  { header: 'detail', value: ({ detail, hint }) => (hint === undefined ? detail : `${detail}; ${hint}`) },
]

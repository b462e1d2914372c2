import type {
  ConnectionInfo,
  IscsiConnectionInfo,
  LocalConnectionInfo,
  RbdConnectionInfo,
} from '#src/core/connection-info.ts'
import type { EncryptionSpec } from '#src/core/encryption.ts'
import type { ErrorKind } from '#src/core/error.ts'
import type { JournalEntry, OperationRecord, OperationState, RecordedError } from '#src/journal/operation.ts'
import type { BlockDeviceMapping, InstanceRecord, InterfaceRecord, KernelBoot } from '../records.ts'
import { flag, json, optional, plain } from './column.ts'
import { integer, listOf, maybe, oneOf, real, record, taggedBy, text, truth } from './shape.ts'
import { Table } from './table.ts'

const ERROR_KINDS: { readonly [K in ErrorKind]: K } = {
  'invalid-input': 'invalid-input',
  'not-found': 'not-found',
  conflict: 'conflict',
  'wrong-state': 'wrong-state',
  quota: 'quota',
  unavailable: 'unavailable',
  forbidden: 'forbidden',
  unsafe: 'unsafe',
  unsupported: 'unsupported',
  'no-space': 'no-space',
  busy: 'busy',
  timeout: 'timeout',
  'host-command': 'host-command',
  corrupt: 'corrupt',
  stuck: 'stuck',
  internal: 'internal',
}

const recordedError = record<RecordedError>({
  kind: oneOf(...Object.values(ERROR_KINDS)),
  code: text,
  message: text,
  left: maybe(text),
  hint: maybe(text),
})

const kernelBoot = record<KernelBoot>({ image: text, initrd: maybe(text), append: maybe(text) })

const interfaceRecord = record<InterfaceRecord>({ portId: text, bridge: text, mac: text, tap: text })

const CONNECTION_DATA = {
  access_mode: oneOf('rw', 'ro'),
  encrypted: truth,
  multiattach: truth,
  discard: truth,
  luks_uuid: maybe(text),
} as const

/** What every kind has around its data. */
const connection = { volume_id: text, attachment_id: maybe(text), host: text } as const

const connectionInfo = taggedBy<ConnectionInfo, 'driver_volume_type'>('driver_volume_type', {
  local: record<LocalConnectionInfo>({
    driver_volume_type: oneOf('local'),
    ...connection,
    data: record<LocalConnectionInfo['data']>({
      ...CONNECTION_DATA,
      device_path: text,
      size_bytes: integer,
      inode: text,
    }),
  }),
  rbd: record<RbdConnectionInfo>({
    driver_volume_type: oneOf('rbd'),
    ...connection,
    data: record<RbdConnectionInfo['data']>({
      ...CONNECTION_DATA,
      name: text,
      name_id: maybe(text),
      hosts: listOf(text),
      ports: listOf(text),
      cluster_name: text,
      auth_enabled: truth,
      auth_username: maybe(text),
      secret_uuid: maybe(text),
      keyring: maybe(text),
    }),
  }),
  iscsi: record<IscsiConnectionInfo>({
    driver_volume_type: oneOf('iscsi'),
    ...connection,
    data: record<IscsiConnectionInfo['data']>({
      ...CONNECTION_DATA,
      targets: listOf(
        record<IscsiConnectionInfo['data']['targets'][number]>({ portal: text, iqn: text, lun: integer }),
      ),
      auth_method: maybe(text),
      auth_username: maybe(text),
      auth_password: maybe(text),
      discovery_auth_method: maybe(text),
      discovery_auth_username: maybe(text),
      discovery_auth_password: maybe(text),
    }),
  }),
})

const encryptionSpec = record<EncryptionSpec>({
  provider: oneOf('luks', 'luks2', 'plain'),
  controlLocation: oneOf('front-end', 'back-end'),
  cipher: maybe(text),
  keySize: maybe(integer),
  keyId: text,
})

export const INSTANCES = new Table<InstanceRecord>('instances', {
  id: plain(text),
  name: plain(text),
  availabilityZone: plain(text),
  memoryMib: plain(integer),
  cpus: plain(integer),
  kernel: optional(json(kernelBoot)),
  interfaces: json(listOf(interfaceRecord)),
  status: plain(oneOf('BUILD', 'ACTIVE', 'SHUTOFF', 'REBOOT', 'HARD_REBOOT', 'ERROR', 'DELETING')),
  wanted: plain(oneOf('running', 'stopped')),
  taskState: optional(plain(oneOf('waiting-for-key', 'waiting-for-volume-service'))),
  fault: optional(json(recordedError)),
  priority: plain(integer),
  bootId: optional(plain(text)),
  createdAt: plain(real),
  version: plain(integer),
})

export const MAPPINGS = new Table<BlockDeviceMapping>('block_device_mappings', {
  id: plain(text),
  instanceId: plain(text),
  volumeId: plain(text),
  target: plain(text),
  bootIndex: optional(plain(integer)),
  deleteOnTermination: flag,
  attachmentId: optional(plain(text)),
  connectionInfo: optional(json(connectionInfo)),
  encryption: optional(json(encryptionSpec)),
  mechanism: optional(plain(oneOf('none', 'dm-crypt', 'native'))),
  luksUuid: optional(plain(text)),
  cloud: optional(plain(text)),
  generation: optional(plain(oneOf('attachments', 'legacy'))),
  version: plain(integer),
})

export const OPERATION_STATES: readonly OperationState[] = ['running', 'done', 'failed', 'rolled-back', 'stuck']

export const OPERATIONS = new Table<OperationRecord>('operations', {
  id: plain(text),
  kind: plain(oneOf('create', 'start', 'stop', 'soft-reboot', 'hard-reboot', 'attach', 'detach', 'delete', 'resume')),
  instanceId: plain(text),
  instanceName: plain(text),
  volumeId: optional(plain(text)),
  state: plain(oneOf(...OPERATION_STATES)),
  error: optional(json(recordedError)),
  bootId: plain(text),
  startedAt: plain(real),
  finishedAt: optional(plain(real)),
  version: plain(integer),
})

export const ENTRIES = new Table<JournalEntry>('journal_entries', {
  operationId: plain(text),
  step: plain(integer),
  event: plain(oneOf('started', 'done', 'failed', 'undo-started', 'undone', 'undo-failed')),
  action: plain(text),
  subject: plain(text),
  change: optional(plain(oneOf('made', 'already'))),
  error: optional(json(recordedError)),
  at: plain(real),
})

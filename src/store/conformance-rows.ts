import type { JournalEntry, OperationRecord, StepEvent } from '#src/journal/operation.ts'
import type { BlockDeviceMapping, InstanceRecord } from './records.ts'

// Rows for the conformance suite: small ones by number, and one of each kind with every field filled.

export const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
export const volume = (n: number): string => `00000000-0000-4000-9000-${n.toString(16).padStart(12, '0')}`

export const instance = (n: number): InstanceRecord => ({
  id: uuid(n),
  name: `instance-${n}`,
  availabilityZone: 'nova',
  memoryMib: 512,
  cpus: 1,
  interfaces: [],
  status: 'BUILD',
  wanted: 'running',
  priority: 0,
  createdAt: 1_700_000_000_000,
  version: 1,
})

export const mapping = (ofInstance: number, ofVolume: number, target: string): BlockDeviceMapping => ({
  id: `mapping-${ofInstance}-${ofVolume}-${target}`,
  instanceId: uuid(ofInstance),
  volumeId: volume(ofVolume),
  target,
  deleteOnTermination: false,
  version: 1,
})

export const operation = (n: number, ofInstance = 1): OperationRecord => ({
  id: `00000000-0000-4000-a000-${n.toString(16).padStart(12, '0')}`,
  kind: 'hard-reboot',
  instanceId: uuid(ofInstance),
  instanceName: `instance-${ofInstance}`,
  state: 'running',
  bootId: uuid(500),
  startedAt: 1_700_000_000_000 + n,
  version: 1,
})

export const entry = (ofOperation: number, step: number, event: StepEvent): JournalEntry => ({
  operationId: operation(ofOperation).id,
  step,
  event,
  action: 'connect',
  subject: volume(step),
  at: 1_700_000_000_000.25,
})

export const FULL_INSTANCE: InstanceRecord = {
  ...instance(7),
  kernel: { image: '/boot/vmlinuz', initrd: '/boot/initrd', append: 'root=/dev/vda' },
  interfaces: [{ portId: uuid(8), bridge: 'br0', mac: '52:54:00:00:00:01', tap: 'tap1' }],
  status: 'ERROR',
  wanted: 'stopped',
  taskState: 'waiting-for-key',
  priority: -5,
  bootId: uuid(501),
  fault: { kind: 'host-command', code: 'command-failed', message: `it said "no" — twice\n`, left: 'x', hint: 'y' },
  version: 4,
}

export const FULL_MAPPING: BlockDeviceMapping = {
  ...mapping(7, 9, 'vda'),
  bootIndex: 0,
  deleteOnTermination: true,
  attachmentId: uuid(70),
  connectionInfo: {
    driver_volume_type: 'local',
    volume_id: volume(9),
    attachment_id: uuid(70),
    host: 'compute-1',
    data: {
      device_path: '/var/lib/holdfast/pool/volume',
      size_bytes: 2 ** 42 + 16 * 2 ** 20,
      access_mode: 'rw',
      encrypted: true,
      multiattach: false,
      discard: true,
      inode: '1234:1700000000000000000',
      luks_uuid: uuid(71),
    },
  },
  encryption: {
    provider: 'luks2',
    controlLocation: 'front-end',
    cipher: 'aes-xts-plain64',
    keySize: 512,
    keyId: uuid(72),
  },
  mechanism: 'dm-crypt',
  luksUuid: uuid(71),
  version: 2,
}

export const FULL_OPERATION: OperationRecord = {
  ...operation(3, 7),
  kind: 'attach',
  volumeId: volume(9),
  state: 'stuck',
  error: { kind: 'busy', code: 'busy', message: 'held', left: 'a mapping' },
  finishedAt: 1_700_000_000_500,
  version: 3,
}

import { HoldfastError } from '#src/core/error.ts'
import type { CreateInstance, InstanceView, OperationResult, PlanRequest, RunOptions } from '#src/engine/api.ts'
import type { CloudStatus, Holdfast } from '#src/holdfast.ts'
import type { OperationKind, OperationRecord } from '#src/journal/operation.ts'
import type { Attachment, CreateVolume, Snapshot, Volume, VolumeType } from '#src/volumes/volume-service.ts'
import { type FakeHostState, fakeHost, fakeHostState } from './fake-host.ts'

const ID = (group: string, number: number): string =>
  `${group}${String(number).padStart(8 - group.length, '0')}-0000-4000-8000-000000000000`

export const volume = (parts: Partial<Volume> = {}): Volume => ({
  id: ID('a', 1),
  name: 'data-1',
  description: null,
  status: 'available',
  size: 10,
  availabilityZone: 'nova',
  volumeType: null,
  encrypted: false,
  bootable: false,
  multiattach: false,
  snapshotId: null,
  sourceVolumeId: null,
  metadata: {},
  attachments: [],
  attachStatus: 'detached',
  createdAt: '2026-11-22T10:00:00.000000',
  ...parts,
})

export const snapshot = (parts: Partial<Snapshot> = {}): Snapshot => ({
  id: ID('5', 1),
  name: 'nightly',
  description: null,
  status: 'available',
  size: 10,
  volumeId: ID('a', 1),
  progress: '100%',
  createdAt: '2026-11-22T11:00:00.000000',
  ...parts,
})

export const volumeType = (parts: Partial<VolumeType> = {}): VolumeType => ({
  id: ID('7', 1),
  name: 'luks2',
  encryption: { provider: 'luks2', cipher: 'aes-xts-plain64', keySize: 512, controlLocation: 'front-end' },
  multiattach: false,
  ...parts,
})

export const instance = (
  record: Partial<InstanceView['record']> = {},
  rest: Partial<InstanceView> = {},
): InstanceView => ({
  record: {
    id: ID('b', 1),
    name: 'web-1',
    availabilityZone: 'nova',
    memoryMib: 512,
    cpus: 2,
    interfaces: [],
    status: 'ACTIVE',
    wanted: 'running',
    priority: 0,
    createdAt: Date.UTC(2026, 10, 22, 10),
    version: 1,
    ...record,
  },
  mappings: [],
  power: 'running',
  ...rest,
})

export const operation = (parts: Partial<OperationRecord> = {}): OperationRecord => ({
  id: ID('c', 1),
  kind: 'start',
  instanceId: ID('b', 1),
  instanceName: 'web-1',
  state: 'done',
  bootId: 'boot',
  startedAt: Date.UTC(2026, 10, 22, 12),
  finishedAt: Date.UTC(2026, 10, 22, 12, 0, 2),
  version: 1,
  ...parts,
})

export interface FakeState {
  volumes: Volume[]
  snapshots: Snapshot[]
  types: VolumeType[]
  instances: InstanceView[]
  operations: OperationRecord[]
  /** Every call that changes something: verb and what it was given. */
  readonly calls: [verb: string, ...given: unknown[]][]
  /** Stands in for what an operation does: may report progress, wait for the signal, throw. */
  work: (
    kind: OperationKind | 'resume' | 'volume-create' | 'host-resume' | 'host-check' | 'host-fix' | 'host-drill',
    options: RunOptions,
  ) => Promise<Partial<OperationResult> | undefined>
  problems: { code: string; message: string; hint?: string }[]
  limits: { volumes: number; gigabytes: number; snapshots: number }
  consoleLog: string
  host: FakeHostState
  cloud: CloudStatus
  /** What `settled` gives instead of what was asked for, by id. */
  settled: Map<string, Volume | undefined>
  messages: Map<string, readonly string[]>
  attachments: Attachment[]
  closed: number
}

export const fakeState = (parts: Partial<FakeState> = {}): FakeState => ({
  volumes: [],
  snapshots: [],
  types: [],
  instances: [],
  operations: [],
  calls: [],
  work: async () => undefined,
  problems: [],
  limits: { volumes: -1, gigabytes: -1, snapshots: -1 },
  consoleLog: '/nowhere/console.log',
  host: fakeHostState(),
  cloud: {
    name: 'prod',
    authUrl: 'https://keystone.example:5000/v3',
    userId: ID('d', 1),
    projectId: ID('d', 2),
    roles: ['member', 'creator'],
    region: 'RegionOne',
    features: [
      { name: 'block storage', available: true, detail: '3.0 to 3.71' },
      {
        name: 'service token',
        available: false,
        detail: 'no service user is configured',
        hint: 'configure service_user',
      },
    ],
  },
  settled: new Map(),
  messages: new Map(),
  attachments: [],
  closed: 0,
  ...parts,
})

/** A library face of which only what is given is there; anything else that is asked for fails the test. */
function partly<T extends object>(what: string, parts: Partial<T>): T {
  return new Proxy(parts, {
    get(target, property) {
      if (property in target || property === 'then') return Reflect.get(target, property)
      throw new Error(`the fake ${what} has no ${String(property)}`)
    },
  }) as T
}

function found<T>(what: string, value: T | undefined): T {
  if (value !== undefined) return value
  throw new HoldfastError('not-found', `${what}-not-found`, `there is no such ${what}`)
}

/** A Holdfast that keeps what it is given in memory, for tests of the command line. */
export function fakeHoldfast(state: FakeState): Holdfast {
  return {
    volumes: partly('volume service', fakeVolumes(state)),
    instances: partly('instances', fakeInstances(state)),
    operations: partly('operations', fakeOperations(state)),
    host: fakeHost(state),
    state: partly('state', {}),
    cloud: { check: async () => state.cloud, messagesOf: async id => state.messages.get(id) ?? [] },
    hostStatus: async () => ({
      host: 'host-1',
      bootId: 'boot',
      stateDirectory: '/var/lib/holdfast',
      availabilityZone: 'nova',
      abilities: [
        { name: 'cryptsetup', available: true, detail: '2.8.1' },
        { name: 'dm-crypt', available: false, detail: 'no device-mapper', hint: 'modprobe dm_crypt' },
      ],
      pool: { path: '/var/lib/holdfast/pool', freeBytes: 3 * 2 ** 30 },
    }),
    close: async () => {
      state.closed++
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

const keep = <T extends { readonly id: string }>(rows: Map<string, T>, row: T): T => {
  rows.set(row.id, row)
  return row
}

function fakeVolumes(state: FakeState): Partial<Holdfast['volumes']> {
  const kept = new Map<string, Volume>()
  const keptSnapshots = new Map<string, Snapshot>()
  const call = (...call: FakeState['calls'][number]) => {
    state.calls.push(call)
  }
  return {
    get: async id =>
      found(
        'volume',
        state.volumes.find(one => one.id === id),
      ),
    getAll: async () => state.volumes,
    create: async (request: CreateVolume, signal) => {
      call('volumes.create', request)
      await state.work('volume-create', { signal })
      return keep(kept, volume({ id: ID('a', 99), name: request.name ?? null, size: request.size ?? 1 }))
    },
    settled: async id => (state.settled.has(id) ? state.settled.get(id) : kept.get(id)),
    snapshotSettled: async id => keptSnapshots.get(id),
    attachmentGet: async id =>
      found(
        'attachment',
        state.attachments.find(one => one.id === id),
      ),
    attachmentGetAll: async ({ volumeId }) =>
      state.attachments.filter(one => volumeId === undefined || one.volumeId === volumeId),
    attachmentDelete: async id => {
      call('volumes.attachmentDelete', id)
      return 'made'
    },
    delete: async id => call('volumes.delete', id),
    extend: async (id, size) => {
      call('volumes.extend', id, size)
      return keep(kept, volume({ id, size }))
    },
    getSnapshot: async id =>
      found(
        'snapshot',
        state.snapshots.find(one => one.id === id),
      ),
    getAllSnapshots: async () => state.snapshots,
    createSnapshot: async (id, request) => {
      call('volumes.createSnapshot', id, request)
      return keep(keptSnapshots, snapshot({ volumeId: id, name: request.name ?? null }))
    },
    deleteSnapshot: async id => call('volumes.deleteSnapshot', id),
    getAllVolumeTypes: async () => state.types,
    createVolumeType: async request => {
      call('volumes.createVolumeType', request)
      return volumeType({ id: ID('7', 99), name: request.name, multiattach: request.multiattach ?? false })
    },
    deleteVolumeType: async id => call('volumes.deleteVolumeType', id),
    getAbsoluteLimits: async () => ({
      maxTotalVolumes: state.limits.volumes,
      maxTotalVolumeGigabytes: state.limits.gigabytes,
      maxTotalSnapshots: state.limits.snapshots,
      totalVolumesUsed: state.volumes.length,
      totalGigabytesUsed: state.volumes.reduce((sum, one) => sum + one.size, 0),
      totalSnapshotsUsed: state.snapshots.length,
    }),
  }
}

function fakeInstances(state: FakeState): Partial<Holdfast['instances']> {
  const run = async (kind: OperationKind, given: unknown[], options: RunOptions = {}): Promise<OperationResult> => {
    const { signal, observer, ...more } = options
    state.calls.push([`instances.${kind}`, ...given, ...(Object.keys(more).length === 0 ? [] : [more])])
    const result = await state.work(kind, { signal, observer })
    return { operation: operation({ kind }), change: 'made', notes: [], ...result }
  }
  return {
    list: async () => state.instances,
    show: async id =>
      found(
        'instance',
        state.instances.find(one => one.record.id === id),
      ),
    create: async (request: CreateInstance, options) => {
      const result = await run('create', [request], options)
      state.instances.push(instance({ id: ID('b', 99), name: request.name }))
      return { id: ID('b', 99), result }
    },
    start: (id, options) => run('start', [id], options),
    stop: (id, options) => run('stop', [id], options),
    softReboot: (id, options) => run('soft-reboot', [id], options),
    hardReboot: (id, options) => run('hard-reboot', [id], options),
    attach: (id, volumeId, options) => run('attach', [id, volumeId], options),
    detach: (id, volumeId, options) => run('detach', [id, volumeId], options),
    delete: (id, options) => run('delete', [id], options),
    update: async (id, change) => {
      state.calls.push(['instances.update', id, change])
      const index = state.instances.findIndex(one => one.record.id === id)
      const view = found('instance', state.instances[index])
      state.instances[index] = { ...view, record: { ...view.record, ...change } }
      return { ...view.record, ...change }
    },
    plan: async (request: PlanRequest) => ({
      kind: request.kind,
      instance: request.kind === 'create' ? request.create.name : request.id,
      steps: [
        { action: 'preflight', subject: 'web-1', title: 'check what the way up needs', depth: 0 },
        { action: 'connect', subject: ID('a', 1), title: 'connect volume data-1', depth: 1 },
      ],
      problems: state.problems,
    }),
    consoleLog: async () => state.consoleLog,
  }
}

function fakeOperations(state: FakeState): Partial<Holdfast['operations']> {
  return {
    list: async filter =>
      state.operations.filter(one => !filter?.unfinished || one.state === 'running' || one.state === 'stuck'),
    show: async id => ({
      record: found(
        'operation',
        state.operations.find(one => one.id === id),
      ),
      entries: [
        { operationId: id, step: 1, event: 'done', action: 'connect', subject: 'data-1', change: 'made', at: 1000 },
        { operationId: id, step: 2, event: 'started', action: 'unlock', subject: 'data-1', at: 2000 },
      ],
    }),
    resume: async (id, options = {}) => {
      state.calls.push(['operations.resume', id])
      const result = await state.work('resume', options)
      return { operation: operation({ id, state: 'rolled-back' }), change: 'made', notes: [], ...result }
    },
  }
}

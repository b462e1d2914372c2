import assert from 'node:assert/strict'
import type { ConnectionInfo, ConnectorProperties } from '#src/core/connection-info.ts'
import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import type { CreateVolume, CreateVolumeType, Snapshot, Volume, VolumeService, VolumeType } from './volume-service.ts'

/** Absolute paths. */
export interface TestImages {
  /** 1 MiB. */
  readonly raw: string
  readonly qcow2: string
  /** More than 1 GiB. */
  readonly large: string
  readonly backed: string
  readonly vmdk: string
  readonly empty: string
  readonly directory: string
  readonly absent: string
}

/** Storage and images that are in the test's hands. */
export interface OwnStorage {
  images(): Promise<TestImages>
  /** Takes the volume's storage away behind the service's back, or puts it back. */
  hideStorage(volumeId: string): Promise<void>
  showStorage(volumeId: string): Promise<void>
  /** Puts other storage in its place. */
  exchangeStorage(volumeId: string): Promise<void>
}

export interface VolumeServiceFixture extends Partial<OwnStorage> {
  readonly service: VolumeService
  readonly hostName: string
  readonly availabilityZone: string
  hasKey(keyId: string): Promise<boolean>
  /** More of this host than its name, where the service wants to know more. */
  readonly connector?: Partial<ConnectorProperties>
  /** After a volume type was made: what the service does not let us say of it. */
  typeMade?(type: VolumeType): Promise<void>
  dispose(): Promise<void>
}

export interface FixtureSettings {
  readonly quotas?: { readonly volumes?: number; readonly gigabytes?: number; readonly snapshots?: number }
}

export type MakeVolumeService = (settings?: FixtureSettings) => Promise<VolumeServiceFixture>

/** In what volume services differ, by name. Everything else is the same for all. */
export interface Traits {
  /** Storage and image files are in the test's hands: the rules of a service that keeps its data on this host. */
  readonly ownStorage: boolean
  /** What a volume of no given type is of. */
  readonly defaultType: string | null
  /** Whether a volume may be attached more than once is its type's to say: this one says so. */
  readonly multiattachType: string | undefined
  /** Before the names of volume types, which others of the service see, too. */
  readonly typePrefix: string
  /** Bits, of a type for which none was asked. */
  readonly defaultKeySize: number
  /** Copies of encrypted volumes get keys of their own: Cinder must be able to attach volumes of this backend itself for that. */
  readonly copiesEncrypted: boolean
  /** GiB. */
  readonly largestSize: number
  /** Times have whole seconds: what was made within one has no order. */
  readonly coarseTimes: boolean
  /** Sizes that do not fit and quotas that are used up are told in the service's own words. */
  readonly ownWords: boolean
}

export const EMBEDDED: Traits = {
  ownStorage: true,
  defaultType: null,
  multiattachType: undefined,
  typePrefix: '',
  defaultKeySize: 512,
  copiesEncrypted: true,
  largestSize: 16_384,
  coarseTimes: false,
  ownWords: false,
}

/** What a test gets. */
export interface Bench extends VolumeServiceFixture {
  readonly traits: Traits
}

export type MakeBench = (settings?: FixtureSettings) => Promise<Bench>

/** An `it` body with a fixture of its own. */
export const using =
  (make: MakeBench, body: (bench: Bench) => Promise<void>, settings?: FixtureSettings) => async () => {
    const bench = await make(settings)
    try {
      await body(bench)
    } finally {
      await bench.dispose()
    }
  }

/** In place of `it`, for a rule that a service of this trait has not. */
export const unlisted = (_name: string, _body: () => Promise<void>): void => {}

/** For tests of services whose trait it is. */
export function ownStorage(bench: Bench): OwnStorage {
  const { images, hideStorage, showStorage, exchangeStorage } = bench
  assert.ok(images && hideStorage && showStorage && exchangeStorage)
  return { images, hideStorage, showStorage, exchangeStorage }
}

/** The promise is refused with this kind and code, and a message that fits. */
export async function refused(promise: Promise<unknown>, kind: ErrorKind, code: string, message = /./): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof HoldfastError, `not a HoldfastError: ${String(error)}`)
    assert.deepEqual([error.kind, error.code], [kind, code], error.message)
    assert.match(error.message, message)
    return true
  })
}

/** Our words of it, or whatever those of the service are. */
export const words = ({ traits }: Bench, own: RegExp): RegExp => (traits.ownWords ? /./ : own)

/** Refused for the state that the volume is in, which the message names, as well as one that is allowed. */
export const wrongState = (promise: Promise<unknown>, status: string, allowed: string) =>
  refused(promise, 'wrong-state', 'invalid-volume', new RegExp(`'${status}'.*'${allowed}'`))

export const INSTANCE = '11111111-aaaa-4aaa-8aaa-111111111111'
export const OTHER_INSTANCE = '22222222-bbbb-4bbb-8bbb-222222222222'
export const UNKNOWN = '99999999-9999-4999-8999-999999999999'

export const connector = (host: string): ConnectorProperties => ({
  host,
  multipath: false,
  platform: 'x86_64',
  os_type: 'linux',
})

export const connectorOf = (bench: Bench, host = bench.hostName): ConnectorProperties => ({
  ...connector(host),
  ...bench.connector,
})

/** An encrypted volume is not attached more than once: neither says so its type, where that is asked. */
export const multiattachRefusal = ({ traits }: Bench): string =>
  traits.multiattachType === undefined ? 'encryption-unsupported' : 'multiattach-unsupported'

/** A new volume, once it is there. */
export async function made({ service, traits }: Bench, request: CreateVolume): Promise<Volume> {
  const { multiattachType } = traits
  const asked = request.multiattach && multiattachType ? { ...request, volumeType: multiattachType } : request
  const { id, status } = await service.create(asked)
  const volume = await service.settled(id)
  assert.ok(volume, `volume ${id} was '${status}' and is gone`)
  assert.equal(volume.status, 'available')
  return volume
}

export const blank = (bench: Bench, more: CreateVolume = {}): Promise<Volume> => made(bench, { size: 1, ...more })

export async function deleted({ service }: Bench, id: string): Promise<void> {
  await service.delete(id)
  assert.equal(await service.settled(id), undefined)
}

export async function extended({ service }: Bench, id: string, size: number): Promise<Volume | undefined> {
  await service.extend(id, size)
  return await service.settled(id)
}

export async function snapshotOf(
  { service }: Bench,
  volumeId: string,
  request: Parameters<VolumeService['createSnapshot']>[1] = {},
): Promise<Snapshot> {
  const { id } = await service.createSnapshot(volumeId, request)
  const snapshot = await service.snapshotSettled(id)
  assert.ok(snapshot)
  return snapshot
}

export async function snapshotDeleted({ service }: Bench, id: string): Promise<void> {
  await service.deleteSnapshot(id)
  assert.equal(await service.snapshotSettled(id), undefined)
}

/** `name` as others of this service do not call theirs. */
export const typeName = ({ traits }: Bench, name: string): string => `${traits.typePrefix}${name}`

export async function typeOf(bench: Bench, request: CreateVolumeType): Promise<VolumeType> {
  const type = await bench.service.createVolumeType({ ...request, name: typeName(bench, request.name) })
  await bench.typeMade?.(type)
  return type
}

/** Those that tests make. */
export const typesOf = async ({ service, traits }: Bench): Promise<readonly VolumeType[]> =>
  (await service.getAllVolumeTypes()).filter(({ name }) => name.startsWith(traits.typePrefix))

/** In the order in which they were made, as far as the service tells. */
export const inOrder = ({ traits }: Bench, ids: readonly string[]): readonly string[] =>
  traits.coarseTimes ? ids.toSorted() : ids

export const idsOf = (bench: Bench, items: readonly { readonly id: string }[]): readonly string[] =>
  inOrder(
    bench,
    items.map(({ id }) => id),
  )

export const statusOf = async (service: VolumeService, id: string) => (await service.get(id)).status

/** What is sealed looks different every time. */
export const comparable = (info: ConnectionInfo | undefined): unknown =>
  info && JSON.parse(JSON.stringify(info, (_, value) => (/^sealed:/.test(value) ? 'sealed' : value)))

/** A volume that is attached to an instance; gives the attachment's id. */
export async function attachTo(bench: Bench, volumeId: string, instanceId = INSTANCE): Promise<string> {
  const { service } = bench
  const { id } = await service.attachmentCreate({ volumeId, instanceId })
  await service.attachmentUpdate(id, connectorOf(bench), '/dev/vdb')
  await service.attachmentComplete(id)
  return id
}

/** Nothing of it changed: the same view, limits and attachments as before. */
export async function unchanged(service: VolumeService, volumeId: string, work: () => Promise<void>): Promise<void> {
  const look = async () => [
    await service.get(volumeId),
    await service.getAbsoluteLimits(),
    await service.attachmentGetAll({ volumeId }),
    await service.getAllSnapshots(),
  ]
  const before = await look()
  await work()
  assert.deepEqual(await look(), before)
}

import assert from 'node:assert/strict'
import type { ConnectorProperties } from '#src/core/connection-info.ts'
import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import type { CreateVolume, Volume, VolumeService } from './volume-service.ts'

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

export interface VolumeServiceFixture {
  readonly service: VolumeService
  readonly hostName: string
  readonly availabilityZone: string
  images(): Promise<TestImages>
  hasKey(keyId: string): Promise<boolean>
  /** Takes the volume's storage away behind the service's back, or puts it back. */
  hideStorage(volumeId: string): Promise<void>
  showStorage(volumeId: string): Promise<void>
  /** Puts other storage in its place. */
  exchangeStorage(volumeId: string): Promise<void>
  dispose(): Promise<void>
}

export interface FixtureSettings {
  readonly quotas?: { readonly volumes?: number; readonly gigabytes?: number; readonly snapshots?: number }
}

export type MakeVolumeService = (settings?: FixtureSettings) => Promise<VolumeServiceFixture>

/** An `it` body with a fixture of its own. */
export const using =
  (make: MakeVolumeService, body: (fixture: VolumeServiceFixture) => Promise<void>, settings?: FixtureSettings) =>
  async () => {
    const fixture = await make(settings)
    try {
      await body(fixture)
    } finally {
      await fixture.dispose()
    }
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

export const blank = (service: VolumeService, more: CreateVolume = {}): Promise<Volume> =>
  service.create({ size: 1, ...more })

export const statusOf = async (service: VolumeService, id: string) => (await service.get(id)).status

/** A volume that is attached to an instance; gives the attachment's id. */
export async function attachTo(
  fixture: VolumeServiceFixture,
  volumeId: string,
  instanceId = INSTANCE,
): Promise<string> {
  const { service, hostName } = fixture
  const { id } = await service.attachmentCreate({ volumeId, instanceId })
  await service.attachmentUpdate(id, connector(hostName), '/dev/vdb')
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

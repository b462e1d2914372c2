import assert from 'node:assert/strict'
import { hasCode } from '#src/core/error.ts'
import type { DomainDisk, DomainSpec, Hypervisor } from './hypervisor.ts'

/**
 * A hypervisor on a host that can be tampered with. Its guests have no operating system: they hear neither the power
 * button nor an unplug request.
 */
export interface HypervisorFixture {
  readonly hypervisor: Hypervisor
  /** A domain that can be defined and started: an id and a name that no other has, no disks. */
  spec(): DomainSpec
  /** A disk whose file is there, of a new volume. */
  disk(target: string, options?: { readonly native?: boolean }): Promise<DomainDisk>
  removeFile(disk: DomainDisk): Promise<void>
  growFile(disk: DomainDisk, bytes: number): Promise<void>
  defineSecret(uuid: string): Promise<void>
  undefineSecret(uuid: string): Promise<void>
  /** Ends the QEMU process with SIGKILL. */
  killQemu(id: string): Promise<void>
  /** The guest powers off of its own accord. */
  powerOff(id: string): Promise<void>
  /** The guest resets of its own accord. */
  reset(id: string): Promise<void>
  /** Another tool stops the guest's processors, or lets them go on. */
  pause(id: string): Promise<void>
  resume(id: string): Promise<void>
  /** Another tool defines a domain. */
  defineForeign(id: string, name: string): Promise<void>
  /** From now on libvirt does not run; guests go on. */
  stopLibvirt(): Promise<void>
  startLibvirt(): Promise<void>
  /** Every domain is gone. */
  clean(): Promise<void>
  dispose(): Promise<void>
}

export interface Context {
  readonly hypervisor: () => Hypervisor
  readonly fixture: () => HypervisorFixture
}

export const LONG = { deadlineMs: 30_000 }
export const SHORT = { deadlineMs: 300 }

/** For `assert.rejects`: the error has this code. */
export const code = (expected: string) => (error: unknown) => {
  assert.ok(hasCode(error, expected), `expected '${expected}', got ${error}`)
  return true
}

export const summary = (
  disks: readonly { volumeId?: string | undefined; target: string; path?: string | undefined }[],
) => disks.map(({ volumeId, target, path }) => ({ volumeId, target, path }))

export const wanted = (disks: readonly DomainDisk[]) =>
  disks.map(({ volumeId, target, source }) => ({ volumeId, target, path: source.path }))

/** A new domain that runs, with these disks. */
export async function running(
  { hypervisor, fixture }: Context,
  disks: readonly DomainDisk[] = [],
): Promise<DomainSpec> {
  const spec = { ...fixture().spec(), disks }
  await hypervisor().define(spec)
  assert.equal(await hypervisor().start(spec.id), 'made')
  return spec
}

/** An encrypted image of a Ceph cluster that is not there. */
export function networkDisk(volumeId: string, target: string): DomainDisk {
  const name = `volumes/volume-${volumeId}`
  const auth = { username: 'cinder', secretUuid: volumeId.replace(/^.{8}/, '00000000') }
  const hosts = [
    { name: '127.0.0.1', port: 1 },
    { name: '::1', port: 1 },
  ]
  const source = {
    mechanism: 'native',
    kind: 'network',
    path: `rbd:${name}`,
    network: { protocol: 'rbd', name, hosts, auth },
    sizeBytes: 1,
    secretUuid: volumeId,
  } as const
  return { volumeId, target, source, readonly: false, shareable: false, discard: true }
}

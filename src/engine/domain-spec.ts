import type { GuestSource } from '#src/core/disk.ts'
import type { DomainDisk, DomainSpec } from '#src/hypervisor/hypervisor.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'

export const consoleLogOf = (instancesDirectory: string, instanceId: string): string =>
  `${instancesDirectory}/${instanceId}/console.log`

export function domainDisk(mapping: BlockDeviceMapping, source: GuestSource): DomainDisk {
  const data = mapping.connectionInfo?.data
  return {
    volumeId: mapping.volumeId,
    target: mapping.target,
    source,
    readonly: data?.access_mode === 'ro',
    shareable: data?.multiattach === true,
    discard: data?.discard === true,
    bootOrder: mapping.bootIndex === undefined ? undefined : mapping.bootIndex + 1,
  }
}

/** The domain that the records ask for, with the guest sources that stand now. */
export function domainSpec(
  instance: InstanceRecord,
  disks: readonly DomainDisk[],
  instancesDirectory: string,
): DomainSpec {
  return {
    id: instance.id,
    name: instance.name,
    memoryMib: instance.memoryMib,
    cpus: instance.cpus,
    ...(instance.kernel && { kernel: instance.kernel }),
    disks,
    interfaces: instance.interfaces,
    consoleLog: consoleLogOf(instancesDirectory, instance.id),
  }
}

const PREFIX = 'vd'

/** The first free guest device name: `vda` … `vdz`, `vdaa` …. */
export function nextTarget(used: ReadonlySet<string>): string {
  for (let index = 0; ; index++) {
    const target = PREFIX + letters(index)
    if (!used.has(target)) return target
  }
}

function letters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26))
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last
}

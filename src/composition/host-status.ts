import { join } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { asHoldfastError } from '#src/core/error.ts'
import type { HostAbility, HostStatus } from '#src/holdfast.ts'
import { hostAbilities } from '#src/host/abilities.ts'
import { readBootId } from '#src/host/boot-id.ts'
import type { Host } from '#src/host/host.ts'
import { LibvirtHypervisor } from '#src/hypervisor/libvirt/libvirt-hypervisor.ts'
import { Libvirt } from '#src/libvirt/index.ts'
import { findDomainType } from './domain-type.ts'

/** What this host can do and what it lacks, found by asking and trying. */
export async function hostStatus(host: Host, config: HoldfastConfig): Promise<HostStatus> {
  const pool = join(config.stateDirectory, 'volumes/pool')
  const [bootId, abilities, hypervisor, freeBytes] = await Promise.all([
    readBootId(host),
    hostAbilities(host),
    hypervisorAbilities(host, config),
    host.files.freeBytes(await deepestThere(host, pool)),
  ])
  return {
    host: config.hostName,
    bootId,
    stateDirectory: config.stateDirectory,
    availabilityZone: config.availabilityZone,
    abilities: [...hypervisor, ...abilities],
    pool: { path: pool, freeBytes },
  }
}

async function hypervisorAbilities(host: Host, config: HoldfastConfig): Promise<readonly HostAbility[]> {
  await using libvirt = new Libvirt({ socketPath: config.libvirtSocket, deadlineMs: config.deadlines.commands * 1000 })
  const lacking = (name: string, error: unknown): HostAbility => {
    const { message, details } = asHoldfastError(error)
    return { name, available: false, detail: message, hint: details.hint }
  }
  let domainType: 'kvm' | 'qemu'
  try {
    domainType = await findDomainType(host, config)
  } catch (error) {
    return [lacking('qemu', error)]
  }
  const kvm: HostAbility =
    domainType === 'kvm'
      ? { name: 'kvm', available: true, detail: 'a try showed that it works' }
      : {
          name: 'kvm',
          available: false,
          detail: 'not here, or a try showed that it does not run a guest; guests are emulated',
        }
  try {
    const found = await new LibvirtHypervisor({ host, libvirt, domainType }).abilities()
    return [
      { name: 'libvirt', available: true, detail: found.libvirtVersion },
      { name: 'qemu', available: true, detail: `${found.hypervisorVersion}, ${found.emulator}` },
      kvm,
    ]
  } catch (error) {
    return [lacking('libvirt', error), kvm]
  }
}

/** The path itself, or the nearest folder above it that is there: the state may not have been made yet. */
async function deepestThere(host: Host, path: string): Promise<string> {
  return path === '/' || (await host.files.stat(path)) ? path : await deepestThere(host, join(path, '..'))
}

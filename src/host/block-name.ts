import { printable } from './command-error.ts'
import type { Host } from './host.ts'
import { readText, seen } from './seen.ts'

/**
 * A block device in words, by its name in `/sys/class/block` and by what sysfs tells of it: `mapping crypt-x`,
 * `volume group data (logical volume home)`, `RAID array md0 (raid1)`, `partition sda1`, `device bcache0`.
 */
export async function describeBlockDevice(host: Host, name: string): Promise<string> {
  const attribute = async (path: string) => printable(await readText(host, `/sys/class/block/${name}/${path}`)).trim()
  const mapping = await attribute('dm/name')
  if (mapping !== '') return describeMapping(mapping, await attribute('dm/uuid'))
  const shown = printable(name.replaceAll('!', '/'))
  if ((await seen(host.files.stat(`/sys/class/block/${name}/md`))) !== undefined) {
    const level = await attribute('md/level')
    return `RAID array ${shown}${level && ` (${level})`}`
  }
  if ((await attribute('loop/backing_file')) !== '') return `loop device /dev/${shown}`
  return `${(await attribute('partition')) === '' ? 'device' : 'partition'} ${shown}`
}

const describeMapping = (name: string, uuid: string): string => {
  const volume = uuid.startsWith('LVM-') ? logicalVolume(name) : undefined
  return volume ? `volume group ${volume.group} (logical volume ${volume.volume})` : `mapping ${name}`
}

/** Parts joined by a dash, dashes within a part doubled; no part begins with one (LVM2's `libdm/libdm-string.c`). */
const LVM_NAME = /^((?:[\w+.]|--)+)-((?:[\w+.]|--)+)(?:-(?:[\w+.]|--)+)?$/

/** What LVM names `<group>-<volume>`, or `<group>-<volume>-<layer>` for a part of a volume that has parts. */
export function logicalVolume(mapping: string): { readonly group: string; readonly volume: string } | undefined {
  const [, group, volume] = LVM_NAME.exec(mapping) ?? []
  if (group === undefined || volume === undefined) return undefined
  return { group: group.replaceAll('--', '-'), volume: volume.replaceAll('--', '-') }
}

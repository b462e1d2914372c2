import { readdir, readFile, readlink, stat } from 'node:fs/promises'

async function processWhere(
  matches: (argv: readonly string[], pid: string) => boolean | Promise<boolean>,
): Promise<number> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
    if (await matches(argv, pid)) return Number(pid)
  }
  throw new Error('no such process')
}

/** The QEMU of this instance. */
export const qemuOf = (instance: string): Promise<number> =>
  processWhere(argv => argv[0]?.includes('qemu') === true && argv[argv.indexOf('-uuid') + 1] === instance)

/** The daemon that has this socket: of those that run here the one in whose mount namespace it lies. */
export const libvirtdOf = async (socket: string): Promise<number> => {
  const { ino } = await stat(socket)
  return await processWhere(async (argv, pid) => {
    if (argv[0] !== 'libvirtd') return false
    const inside = await stat(`/proc/${pid}/root/run/libvirt/libvirt-sock`).catch(() => undefined)
    return inside?.ino === ino && (await readlink(`/proc/${pid}/ns/mnt`)) !== (await readlink('/proc/self/ns/mnt'))
  })
}

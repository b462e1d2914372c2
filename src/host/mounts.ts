import { printable } from './command-error.ts'
import type { Host } from './host.ts'
import { readText, seen } from './seen.ts'

/** A block device that the kernel itself uses: with a file system on it that is mounted, or to swap to. */
export interface KernelUse {
  /** `<major>:<minor>` */
  readonly device: string
  /** Where it is mounted, for people; undefined: swap. */
  readonly mountPoint?: string | undefined
}

/** Mounts that this process sees, and active swap. What names no block device is left out. */
export async function readKernelUses(host: Host): Promise<readonly KernelUse[]> {
  const mounts = (await readText(host, '/proc/self/mountinfo')).split('\n').map(line => mountOf(host, line))
  // The first line is a heading.
  const swaps = (await readText(host, '/proc/swaps'))
    .split('\n')
    .slice(1)
    .map(line => swapOf(host, line))
  return (await Promise.all([...mounts, ...swaps])).filter(use => use !== undefined)
}

/** A line of `/proc/self/mountinfo` (proc(5)): id, parent, device, root, mount point, …, ` - `, type, source, options. */
async function mountOf(host: Host, line: string): Promise<KernelUse | undefined> {
  const [before = '', after = ''] = line.split(' - ', 2)
  const [, , device, , point] = before.split(' ')
  if (device === undefined || point === undefined) return undefined
  const mountPoint = printable(unescaped(point))
  if (!device.startsWith('0:')) return { device, mountPoint }
  // A file system with a number of its own, such as btrfs, tells its device as the source.
  const below = await blockDevice(host, after.split(' ')[1])
  return below === undefined ? undefined : { device: below, mountPoint }
}

async function swapOf(host: Host, line: string): Promise<KernelUse | undefined> {
  const device = await blockDevice(host, line.split(/\s/, 1)[0])
  return device === undefined ? undefined : { device }
}

async function blockDevice(host: Host, path: string | undefined): Promise<string | undefined> {
  if (!path?.startsWith('/dev/')) return undefined
  const facts = await seen(host.files.stat(unescaped(path)))
  return facts?.kind === 'block' ? facts.device : undefined
}

/** The kernel writes blanks, line ends and backslashes as `\040` (`fs/seq_file.c`, `mangle_path`). */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

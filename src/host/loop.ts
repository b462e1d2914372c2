import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { FileFacts, Host } from './host.ts'

export interface LoopFacts {
  /** `/dev/loop3` */
  readonly path: string
  /** Name of the file when it was attached; the kernel adds ` (deleted)` when it is gone. */
  readonly backingPath: string
  readonly backingInode: number
  /** `<major>:<minor>` of the file system of the file. */
  readonly backingDevice: string
  readonly readonly: boolean
  /** Maps the file whole, from its beginning. */
  readonly whole: boolean
}

const COLUMNS = 'NAME,BACK-FILE,BACK-INO,BACK-MAJ:MIN,OFFSET,SIZELIMIT,RO'
const DELETED = ' (deleted)'
const DEADLINE_MS = 20_000
/** How long somebody who looked at the device in passing (udev) may keep it from going away. */
const GONE_WITHIN_MS = 3_000
const POLL_MS = 50

export async function listLoops(host: Host, signal?: AbortSignal): Promise<readonly LoopFacts[]> {
  const args = ['--list', '--json', '--output', COLUMNS]
  const { stdout } = await host.run({ tool: 'losetup', args, deadlineMs: DEADLINE_MS, signal })
  return parseLoops(stdout)
}

/** What `losetup --list --json` printed: nothing at all if there is no loop device. */
export function parseLoops(stdout: string): readonly LoopFacts[] {
  if (stdout.trim() === '') return []
  let parsed: unknown
  try {
    parsed = JSON.parse(stdout)
  } catch (cause) {
    throw strange('it is not JSON', cause)
  }
  const rows = (parsed as { loopdevices?: unknown } | null)?.loopdevices
  if (!Array.isArray(rows)) throw strange("there is no list 'loopdevices'")
  return rows.map(parseLoop)
}

function parseLoop(row: Record<string, unknown>): LoopFacts {
  const path = row.name
  const inode = row['back-ino']
  const device = row['back-maj:min']
  const file = row['back-file'] ?? ''
  if (typeof path !== 'string' || !/^\/dev\/loop\d+$/.test(path)) throw strange('a row has no device')
  if (typeof inode !== 'number' || typeof device !== 'string' || typeof file !== 'string') {
    throw strange(`the row of ${path} does not say what lies below`)
  }
  return {
    path,
    backingPath: file,
    backingInode: inode,
    backingDevice: device.trim(),
    readonly: row.ro === true,
    whole: row.offset === 0 && row.sizelimit === 0,
  }
}

/**
 * Loop devices over this very file, by inode and file system; and those over a file that had this path and was deleted.
 * `facts`: of the file that is there now, if it is the right one.
 */
export function loopsOver(
  loops: readonly LoopFacts[],
  path: string,
  facts: Pick<FileFacts, 'inode' | 'device'> | undefined,
): readonly LoopFacts[] {
  const inode = facts && Number(facts.inode.split(':')[0])
  return loops.filter(
    loop =>
      loop.backingPath === path + DELETED || (loop.backingInode === inode && loop.backingDevice === facts?.device),
  )
}

/** Attaches a free loop device to the whole file, past the page cache where the file system can, and gives its path. */
export async function attachLoop(
  host: Host,
  path: string,
  options: { readonly readonly: boolean; readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const common = [...(options.readonly ? ['--read-only'] : []), '--find', '--show', path]
  const attach = async (args: readonly string[]) => {
    const { stdout } = await host.run({ tool: 'losetup', args, deadlineMs: DEADLINE_MS, signal: options.signal })
    const device = stdout.trim()
    if (/^\/dev\/loop\d+$/.test(device)) return device
    throw strange(`no device after --show: ${device}`)
  }
  try {
    return await attach(['--direct-io=on', ...common])
  } catch (error) {
    if (!hasCode(error, 'command-failed')) throw error
    return await attach(common)
  }
}

/** Gives a loop device the size that its file has now. */
export async function refreshLoop(host: Host, path: string, signal?: AbortSignal): Promise<void> {
  await host.run({ tool: 'losetup', args: ['--set-capacity', path], deadlineMs: DEADLINE_MS, signal })
}

/**
 * Detaches a loop device and waits until it is gone: while somebody has it open the kernel says yes, but only marks it.
 * False if it is still there.
 */
export async function detachLoop(host: Host, loop: LoopFacts, signal?: AbortSignal): Promise<boolean> {
  const still = async () => (await listLoops(host, signal)).some(other => sameLoop(other, loop))
  if (!(await still())) return true
  // Exit code 1 also when it went away meanwhile; the look afterwards tells.
  await host.run({ tool: 'losetup', args: ['--detach', loop.path], deadlineMs: DEADLINE_MS, okCodes: [0, 1], signal })
  const end = host.clock.monotonic() + GONE_WITHIN_MS
  while (await still()) {
    if (host.clock.monotonic() >= end) return false
    await host.clock.sleep(POLL_MS, signal)
  }
  return true
}

const sameLoop = (a: LoopFacts, b: LoopFacts): boolean =>
  a.path === b.path && a.backingInode === b.backingInode && a.backingDevice === b.backingDevice

const strange = (why: string, cause?: unknown) =>
  new HoldfastError('host-command', 'tool-output', `losetup printed what we do not understand: ${why}`, { cause })

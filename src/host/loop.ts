import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { FileFacts, Host } from './host.ts'
import { readAttribute } from './sysfs.ts'

export interface LoopFacts {
  /** `/dev/loop3` */
  readonly path: string
  /** Name of the file when it was attached; the kernel adds ` (deleted)` when it is gone. */
  readonly backingPath: string
  /** Of the file that has this name now: the one below, for the kernel tells of one that was deleted or renamed. */
  readonly backing: Pick<FileFacts, 'inode' | 'device'> | undefined
  readonly readonly: boolean
  /** Maps the file whole, from its beginning. */
  readonly whole: boolean
}

const BLOCK = '/sys/block'
const DELETED = ' (deleted)'
const DEADLINE_MS = 20_000
/** How long somebody who looked at the device in passing (udev) may keep it from going away. */
const GONE_WITHIN_MS = 3_000
const POLL_MS = 50

/**
 * Every loop device that has a file below, as sysfs has it: no program is run, for a look is made before and after
 * each change, and `losetup --list` takes longer with each device that there is.
 */
export async function listLoops(host: Host, signal?: AbortSignal): Promise<readonly LoopFacts[]> {
  signal?.throwIfAborted()
  const names = (await host.files.list(BLOCK)).filter(name => /^loop\d+$/.test(name))
  const loops = await Promise.all(names.map(name => readLoop(host, name)))
  return loops.filter(loop => loop !== undefined)
}

async function readLoop(host: Host, name: string): Promise<LoopFacts | undefined> {
  const attribute = (file: string) => readAttribute(host, `${BLOCK}/${name}/${file}`)
  const backingPath = await attribute('loop/backing_file')
  if (backingPath === undefined) return undefined
  const [offset, limit, readonly] = [
    await attribute('loop/offset'),
    await attribute('loop/sizelimit'),
    await attribute('ro'),
  ]
  // It went away meanwhile.
  if (offset === undefined || limit === undefined || readonly === undefined) return undefined
  const facts = backingPath.endsWith(DELETED) ? undefined : await host.files.stat(backingPath)
  return {
    path: `/dev/${name}`,
    backingPath,
    backing: facts && { inode: facts.inode, device: facts.device },
    readonly: readonly !== '0',
    whole: offset === '0' && limit === '0',
  }
}

/**
 * Loop devices over this very file; and those over a file that had this path and was deleted. `facts`: of the file that is
 * there now, if it is the right one.
 */
export function loopsOver(
  loops: readonly LoopFacts[],
  path: string,
  facts: Pick<FileFacts, 'inode' | 'device'> | undefined,
): readonly LoopFacts[] {
  return loops.filter(loop => loop.backingPath === path + DELETED || (facts !== undefined && isOver(loop, facts)))
}

export const isOver = ({ backing }: LoopFacts, facts: Pick<FileFacts, 'inode' | 'device'>): boolean =>
  backing?.inode === facts.inode && backing.device === facts.device

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
  a.path === b.path && a.backingPath === b.backingPath && a.backing?.inode === b.backing?.inode

const strange = (why: string, cause?: unknown) =>
  new HoldfastError('host-command', 'tool-output', `losetup printed what we do not understand: ${why}`, { cause })

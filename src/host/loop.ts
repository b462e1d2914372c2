import { basename } from 'node:path'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { Host } from './host.ts'
import { readAttribute } from './sysfs.ts'

/** A loop device that has a file below. */
export interface LoopFacts {
  /** `/dev/loop3` */
  readonly path: string
  /** Name of the file now, wherever it was renamed to; the kernel adds ` (deleted)` when it is gone. */
  readonly backingPath: string
}

/** How a loop device shows its file. */
export interface LoopMode {
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
  const loops = await Promise.all(names.map(name => readLoop(host, `/dev/${name}`)))
  return loops.filter(loop => loop !== undefined)
}

/** What lies below this loop device now; undefined if nothing does. */
export async function readLoop(host: Host, path: string): Promise<LoopFacts | undefined> {
  const backingPath = await readAttribute(host, `${sysfsOf(path)}/loop/backing_file`)
  return backingPath === undefined ? undefined : { path, backingPath }
}

/** Undefined if it went away meanwhile. */
export async function readLoopMode(host: Host, { path }: LoopFacts): Promise<LoopMode | undefined> {
  const attribute = (file: string) => readAttribute(host, `${sysfsOf(path)}/${file}`)
  const [offset, limit, readonly] = [
    await attribute('loop/offset'),
    await attribute('loop/sizelimit'),
    await attribute('ro'),
  ]
  if (offset === undefined || limit === undefined || readonly === undefined) return undefined
  return { readonly: readonly !== '0', whole: offset === '0' && limit === '0' }
}

const sysfsOf = (path: string): string => `${BLOCK}/${basename(path)}`

/**
 * Loop devices over the file that has this name, all links followed, if that is `own`; and those over a file that had it and
 * was deleted.
 */
export const loopsOver = (loops: readonly LoopFacts[], path: string, own: boolean): readonly LoopFacts[] =>
  loops.filter(({ backingPath }) => backingPath === path + DELETED || (own && backingPath === path))

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

const sameLoop = (a: LoopFacts, b: LoopFacts): boolean => a.path === b.path && a.backingPath === b.backingPath

const strange = (why: string, cause?: unknown) =>
  new HoldfastError('host-command', 'tool-output', `losetup printed what we do not understand: ${why}`, { cause })

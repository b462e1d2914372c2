import { basename } from 'node:path'
import { SharedRead } from '#src/core/concurrency.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Host } from './host.ts'
import { seen } from './seen.ts'
import { readAttribute } from './sysfs.ts'

export interface MappingFacts {
  readonly name: string
  /** Device-mapper's own, for example `CRYPT-LUKS2-<LUKS UUID without dashes>-<name>`; empty if it has none. */
  readonly uuid: string
  /** `<major>:<minor>` of the mapping. */
  readonly device: string
  /** None: it was begun, and has no table yet. */
  readonly targets: readonly MappingTarget[]
}

/** One line of a device-mapper table. */
export interface MappingTarget {
  /** `crypt`, `linear`, `multipath` … */
  readonly target: string
  readonly sizeBytes: number
  /** `<major>:<minor>` of the device below, and where in it the data begins. Known of `crypt` only. */
  readonly below?: { readonly device: string; readonly offsetBytes: number } | undefined
  /** Of `crypt`: for example `aes-xts-plain64`. */
  readonly cipher?: string | undefined
}

const BLOCK = '/sys/block'
const SECTOR = 512
const DEADLINE_MS = 20_000
/** Also where the kernel has no device-mapper. */
const NOT_THERE = 1

/**
 * The kernel's mappings, each with its table; none if the kernel has no device-mapper. Keys are never asked for. Tables are
 * read for all who ask at once: a look is made before and after each change, and each `dmsetup` costs a process.
 */
export class Mappings {
  readonly #host: Host
  readonly #tables: SharedRead<ReadonlyMap<string, readonly MappingTarget[]>>

  constructor(host: Host) {
    this.#host = host
    this.#tables = new SharedRead(() => readTables(host))
  }

  /** The mapping of this name; undefined if there is none. */
  async find(name: string, signal?: AbortSignal): Promise<MappingFacts | undefined> {
    signal?.throwIfAborted()
    const node = await findNode(this.#host, name)
    const info = node === undefined ? undefined : await readMapping(this.#host, node)
    // Another may have its number by now.
    if (info?.name !== name) return undefined
    const targets = (await this.#tables.get()).get(name)
    signal?.throwIfAborted()
    if (targets) return { ...info, targets }
    if ((await findNode(this.#host, name)) === undefined) return undefined
    throw new HoldfastError('host-command', 'command-failed', `dmsetup table gives no table of mapping ${name}`, {
      details: { command: 'dmsetup table' },
    })
  }

  /** All of them, by whomever they were made. */
  async list(signal?: AbortSignal): Promise<readonly MappingFacts[]> {
    signal?.throwIfAborted()
    const infos = await listMappings(this.#host)
    if (infos.length === 0) return []
    const tables = await this.#tables.get()
    return infos.map(info => ({ ...info, targets: tables.get(info.name) ?? [] }))
  }
}

/**
 * What lies below a mapping: `/dev/loop3`, as sysfs names it, or the numbers in its table if it names none; several joined by
 * a comma. Undefined if nothing is known.
 */
export async function lowerDevice(host: Host, { device, targets }: MappingFacts): Promise<string | undefined> {
  const below = targets.find(target => target.below)?.below?.device
  if (below !== undefined) {
    const node = await host.files.realPath(`/sys/dev/block/${below}`)
    return node === undefined ? below : nodeOf(basename(node))
  }
  const names = (await seen(host.files.list(`/sys/dev/block/${device}/slaves`))) ?? []
  return names.length > 0 ? names.map(nodeOf).join(', ') : undefined
}

/** sysfs writes a slash in a name as `!`. */
const nodeOf = (name: string): string => `/dev/${name.replaceAll('!', '/')}`

/**
 * Removes a mapping that was begun and has no table, if its UUID is one of ours; false if there is none. Such a one is left by
 * a cryptsetup that was killed between two calls of the kernel. cryptsetup itself says of it that it is not there when it is
 * to be closed (exit code 4), and that it is when it is to be opened (5); sysfs does not even have it before a table was
 * loaded (measured with cryptsetup 2.6.1 on Linux 6.1).
 */
export async function removeUnfinished(
  host: Host,
  name: string,
  isOurs: (uuid: string) => boolean,
  signal?: AbortSignal,
): Promise<boolean> {
  if (!(await host.files.stat('/dev/mapper/control'))) return false
  const dmsetup = { tool: 'dmsetup', deadlineMs: DEADLINE_MS, signal } as const
  const args = ['info', '--columns', '--noheadings', '--separator=,', '--options', 'uuid,attr', name]
  const { exitCode, stdout } = await host.run({ ...dmsetup, args, okCodes: [0, NOT_THERE] })
  if (exitCode === NOT_THERE) return false
  const [, uuid, hasTable] = /^(.*),([L-])[I-][s-][rw]$/.exec(stdout.trim()) ?? []
  if (uuid === undefined) throw strange('info', stdout)
  if (hasTable === 'L' || !isOurs(uuid)) return false
  await host.run({ ...dmsetup, args: ['remove', name] })
  return true
}

async function readTables(host: Host): Promise<ReadonlyMap<string, readonly MappingTarget[]>> {
  const { stdout } = await host.run({ tool: 'dmsetup', args: ['table'], deadlineMs: DEADLINE_MS })
  return parseTables(stdout)
}

/** What `dmsetup table` printed of all mappings: a line for each target, with the name before it. */
export function parseTables(stdout: string): ReadonlyMap<string, readonly MappingTarget[]> {
  const tables = new Map<string, MappingTarget[]>()
  for (const line of lines(stdout).filter(line => line !== 'No devices found')) {
    const [, name, table] = /^(.+?): (\d+ \d+ .*)$/.exec(line) ?? []
    // A mapping without a table has its name alone.
    const bare = /^(.+):\s*$/.exec(line)?.[1]
    if (name !== undefined && table !== undefined) tables.set(name, [...(tables.get(name) ?? []), parseTarget(table)])
    else if (bare !== undefined) tables.set(bare, [])
    else throw strange('table', line)
  }
  return tables
}

type Info = Omit<MappingFacts, 'targets'>

/** Names and UUIDs as sysfs has them: no program is run, for a look is made before and after each change. */
async function listMappings(host: Host): Promise<readonly Info[]> {
  const found = await Promise.all((await nodesOf(host)).map(node => readMapping(host, node)))
  return found.filter(mapping => mapping !== undefined)
}

/** Its folder in sysfs; undefined if no mapping has this name. */
async function findNode(host: Host, name: string): Promise<string | undefined> {
  const node = await host.files.stat(`/dev/mapper/${name}`)
  const near = node?.kind === 'block' ? `/sys/dev/block/${node.device}` : undefined
  if (near !== undefined && (await readAttribute(host, `${near}/dm/name`)) === name) return near
  // The node may be missing, or another's.
  for (const at of await nodesOf(host)) if ((await readAttribute(host, `${at}/dm/name`)) === name) return at
  return undefined
}

const nodesOf = async (host: Host): Promise<readonly string[]> =>
  (await host.files.list(BLOCK)).filter(name => /^dm-\d+$/.test(name)).map(name => `${BLOCK}/${name}`)

/** Undefined if it went away meanwhile. */
async function readMapping(host: Host, node: string): Promise<Info | undefined> {
  const attribute = (file: string) => readAttribute(host, `${node}/${file}`)
  const [name, uuid, device] = [await attribute('dm/name'), await attribute('dm/uuid'), await attribute('dev')]
  return name === undefined || uuid === undefined || device === undefined ? undefined : { name, uuid, device }
}

/** A line of `dmsetup table`: start, length, target and the target's own words. */
export function parseTarget(line: string): MappingTarget {
  const [start, length, target, ...words] = line.trim().split(/\s+/)
  const sectors = Number(length)
  if (!target || !/^\d+$/.test(start ?? '') || !Number.isSafeInteger(sectors)) throw strange('table', line)
  if (target !== 'crypt') return { target, sizeBytes: sectors * SECTOR }
  const [cipher, , , device, offset] = words
  if (!cipher || !/^\d+:\d+$/.test(device ?? '') || !/^\d+$/.test(offset ?? ''))
    throw strange('table', 'a crypt target')
  return {
    target,
    sizeBytes: sectors * SECTOR,
    cipher,
    below: { device: device as string, offsetBytes: Number(offset) * SECTOR },
  }
}

const lines = (text: string): string[] => text.split('\n').filter(line => line.trim() !== '')

const strange = (verb: string, line: string) =>
  new HoldfastError('host-command', 'tool-output', `dmsetup ${verb} printed what we do not understand: ${line}`)

import { HoldfastError } from '#src/core/error.ts'
import type { Host } from './host.ts'
import { readAttribute } from './sysfs.ts'

export interface MappingFacts {
  readonly name: string
  /** Device-mapper's own, for example `CRYPT-LUKS2-<LUKS UUID without dashes>-<name>`; empty if it has none. */
  readonly uuid: string
  /** `<major>:<minor>` of the mapping. */
  readonly device: string
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

/**
 * The mapping of this name as the kernel has it; undefined if there is none, or the kernel has no device-mapper.
 * Keys are never asked for.
 */
export async function findMapping(host: Host, name: string, signal?: AbortSignal): Promise<MappingFacts | undefined> {
  const all = await listMappings(host, signal)
  const info = all.find(mapping => mapping.name === name)
  if (!info) return undefined
  const { exitCode, stdout } = await host.run({
    tool: 'dmsetup',
    args: ['table', name],
    deadlineMs: DEADLINE_MS,
    okCodes: [0, 1],
    signal,
  })
  if (exitCode === 0) return { ...info, targets: lines(stdout).map(parseTarget) }
  if ((await listMappings(host, signal)).every(mapping => mapping.name !== name)) return undefined
  throw new HoldfastError('host-command', 'command-failed', `exit code 1 from dmsetup table ${name}`, {
    details: { command: `dmsetup table ${name}`, exitCode },
  })
}

/** Every mapping that there is, with its table; none if the kernel has no device-mapper. */
export async function readMappings(host: Host, signal?: AbortSignal): Promise<readonly MappingFacts[]> {
  const infos = await listMappings(host, signal)
  if (infos.length === 0) return []
  const { stdout } = await host.run({ tool: 'dmsetup', args: ['table'], deadlineMs: DEADLINE_MS, signal })
  const tables = parseTables(stdout)
  return infos.map(info => ({ ...info, targets: tables.get(info.name) ?? [] }))
}

/** What `dmsetup table` printed of all mappings: a line for each target, with the name before it. */
export function parseTables(stdout: string): ReadonlyMap<string, readonly MappingTarget[]> {
  const tables = new Map<string, MappingTarget[]>()
  for (const line of lines(stdout).filter(line => line !== 'No devices found')) {
    const [, name, table] = /^(.+?): (\d+ \d+ .*)$/.exec(line) ?? []
    // A mapping without a table has its name alone.
    if (name !== undefined && table !== undefined) tables.set(name, [...(tables.get(name) ?? []), parseTarget(table)])
    else if (!line.trimEnd().endsWith(':')) throw strange('table', line)
  }
  return tables
}

/** Names and UUIDs as sysfs has them: no program is run, for a look is made before and after each change. */
async function listMappings(host: Host, signal?: AbortSignal): Promise<readonly Omit<MappingFacts, 'targets'>[]> {
  signal?.throwIfAborted()
  const nodes = (await host.files.list(BLOCK)).filter(name => /^dm-\d+$/.test(name))
  const found = await Promise.all(
    nodes.map(async node => {
      const attribute = (file: string) => readAttribute(host, `${BLOCK}/${node}/${file}`)
      const [name, uuid, device] = [await attribute('dm/name'), await attribute('dm/uuid'), await attribute('dev')]
      // It went away meanwhile.
      return name === undefined || uuid === undefined || device === undefined ? undefined : { name, uuid, device }
    }),
  )
  return found.filter(mapping => mapping !== undefined)
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

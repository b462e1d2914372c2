import { HoldfastError, isHoldfastError } from '#src/core/error.ts'
import type { Host } from './host.ts'

export interface MappingFacts {
  readonly name: string
  /** Device-mapper's own, for example `CRYPT-LUKS2-<LUKS UUID without dashes>-<name>`; empty if it has none. */
  readonly uuid: string
  /** `<major>:<minor>` of the mapping. */
  readonly device: string
  /** How many have it open, other mappings included. */
  readonly openCount: number
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

const CONTROL = '/dev/mapper/control'
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

async function listMappings(host: Host, signal?: AbortSignal): Promise<readonly Omit<MappingFacts, 'targets'>[]> {
  if (!(await host.files.stat(CONTROL))) return []
  const args = ['info', '--columns', '--noheadings', '--separator', '|', '-o', 'name,uuid,major,minor,open']
  try {
    const { stdout } = await host.run({ tool: 'dmsetup', args, deadlineMs: DEADLINE_MS, signal })
    return parseInfo(stdout)
  } catch (error) {
    // The node can be there without a kernel behind it.
    if (isHoldfastError(error) && / open failed: No such device/.test(error.message)) return []
    throw error
  }
}

/** What `dmsetup info --columns` printed, by the columns that we ask for. */
export function parseInfo(stdout: string): readonly Omit<MappingFacts, 'targets'>[] {
  return lines(stdout)
    .filter(line => line !== 'No devices found')
    .map(line => {
      const [name, uuid, major, minor, open, ...rest] = line.split('|').map(word => word.trim())
      const numbers = [major, minor, open].map(word => Number(word || Number.NaN))
      if (!name || uuid === undefined || rest.length > 0 || !numbers.every(Number.isInteger))
        throw strange('info', line)
      return { name, uuid, device: `${major}:${minor}`, openCount: Number(open) }
    })
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

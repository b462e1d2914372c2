import { createHash } from 'node:crypto'
import type { OperationRecord } from '#src/journal/operation.ts'
import { cloudState } from '#src/sim/cloud/state.ts'
import { SimLibvirt } from '#src/sim/hypervisor-state.ts'
import type { SimKey } from '#src/sim/key-manager.ts'
import { SimStoreDisk } from '#src/sim/store.ts'
import { SimVolumeState } from '#src/sim/volume-state.ts'
import type { World } from '#src/sim/world.ts'

/**
 * Equal for worlds in which every new process fares the same, whatever it does and whenever it dies. Left out is what no process
 * acts on: times of day; row versions and numbers of runs, which are only ever compared with what the same process has
 * read before; ended operations; the journal, of which a new process reads no more than the greatest step number, to
 * number on from it. Ids are replaced by the order in which they come up, for nothing depends on which random id it was.
 */
export function fingerprint(world: World): string {
  return createHash('md5').update(describe(world)).digest('base64')
}

/** The same as a text, to see what two worlds differ in. */
export const describe = (world: World): string => renameIds(raw(world))

const [ID_LENGTH, FIRST_DASH] = [36, 8]

/** Ids are found by their dashes, which is several times as fast as a regular expression. */
function renameIds(text: string): string {
  const names = new Map<string, string>()
  let renamed = ''
  let done = 0
  for (let dash = text.indexOf('-'); dash !== -1; dash = text.indexOf('-', dash + 1)) {
    const begin = dash - FIRST_DASH
    if (begin < done || text[begin + 13] !== '-' || text[begin + 18] !== '-' || text[begin + 23] !== '-') continue
    const id = text.slice(begin, begin + ID_LENGTH)
    let name = names.get(id)
    name ??= `#${names.size}`
    names.set(id, name)
    renamed += text.slice(done, begin) + name
    done = begin + ID_LENGTH
    dash = done
  }
  return renamed + text.slice(done)
}

function raw(world: World): string {
  const { bootId, files, loops, mappings, secrets, interfaces, users } = world
  const parts = [
    ...[...files].map(([path, file]) => `${path} ${JSON.stringify(file)}`),
    bootId,
    ...[...loops.values()].map(loop => `${loop.path} ${loop.backingPath} ${loop.file.inode}`),
    plain(mappings),
    plain(secrets),
    plain(interfaces),
    plain(users),
    ...[...world.slots].map(([name, value]) => `${name} ${name === 'cloud' ? cloudText(world) : slot(value)}`),
  ]
  return parts.join('\n')
}

function slot(value: unknown): string {
  if (value instanceof SimStoreDisk) return storeText(value)
  if (value instanceof SimLibvirt) return libvirtText(value)
  if (value instanceof SimVolumeState) return volumesText(value)
  return plain(value)
}

/** Rows are never changed in place: each is spelt once. */
const SPELT = new WeakMap<object, string>()

function spell<T extends object>(row: T, without: Partial<Record<keyof T, undefined>>): string {
  const known = SPELT.get(row)
  if (known !== undefined) return known
  const text = JSON.stringify({ ...row, ...without })
  SPELT.set(row, text)
  return text
}

function storeText({ rows, ...rest }: SimStoreDisk): string {
  const open = (row: OperationRecord) => row.state === 'running' || row.state === 'stuck'
  return [
    plain(rest),
    ...[...rows.instances.values()].map(row =>
      spell(row, { version: undefined, createdAt: undefined, fault: undefined }),
    ),
    ...[...rows.mappings.values()].map(row => spell(row, { version: undefined })),
    ...[...rows.operations.values()]
      .filter(open)
      .map(row => spell(row, { version: undefined, startedAt: undefined, finishedAt: undefined, error: undefined })),
  ].join('\n')
}

/** Sights are of the past. */
function libvirtText({ domains, sights: _sights, ...rest }: SimLibvirt): string {
  const known = [...domains.values()].map(domain => ({
    ...domain,
    runtimeId: domain.runtimeId !== undefined,
    resets: 0,
  }))
  return `${JSON.stringify(known)} ${plain(rest)}`
}

function volumesText({ volumes, snapshots, attachments, life: _life, ...rest }: SimVolumeState): string {
  const untimed = [...volumes.values(), ...snapshots.values()].map(row => ({ ...row, createdAt: 0 }))
  const attached = [...attachments.values()].map(row => ({ ...row, attachedAt: 0 }))
  return `${JSON.stringify([untimed, attached])} ${plain(rest)}`
}

/** When something is due counts by how far off it is. Who there is and what types of volumes is never changed. */
function cloudText(world: World): string {
  const { volumes, attachments, snapshots, secrets, orders, settings, revoked } = cloudState(world)
  const now = world.clock.monotonic()
  const off = (due: number | undefined) => due !== undefined && Math.max(0, due - now)
  const pending = [...volumes.values(), ...snapshots.values()].map(({ createdAt: _, updatedAt: __, task, ...row }) => ({
    ...row,
    task: task && { ...task, due: off(task.due) },
  }))
  // How a volume is reached follows from the volume; whether it is, does not.
  const attached = [...attachments.values()].map(({ attachedAt, connectionInfo, ...row }) => ({
    ...row,
    attached: attachedAt !== undefined,
    connected: Object.keys(connectionInfo).length > 0,
  }))
  const waiting = [...orders.values()].map(row => ({ ...row, due: off(row.due) }))
  return JSON.stringify([pending, attached, [...secrets.keys()], waiting, settings, [...revoked]])
}

const plain = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (each instanceof Map || each instanceof Set ? [...each] : hideKey(each)))

/** A key's bytes are as good as its id. */
const hideKey = (value: unknown): unknown => (isKey(value) ? { ...value, bytes: undefined } : value)

const isKey = (value: unknown): value is SimKey =>
  typeof value === 'object' && value !== null && 'bytes' in value && 'spec' in value

import type { CloudReply } from '../exchange.ts'
import { accepted, attachmentsOf, badRequest, type CinderCall, invalidVolume, touch, volumeOf } from './call.ts'
import { fieldsOf, textIn } from './checks.ts'
import { nextLink, pageOf } from './pages.ts'
import type { SimVolumeRow } from './rows.ts'
import { linksOf, volumeView } from './views.ts'

export const showVolume = (call: CinderCall): CloudReply => ({
  status: 200,
  json: { volume: volumeView(call, volumeOf(call), 'full') },
})

export const listVolumes = (call: CinderCall): CloudReply =>
  list(call, 'volumes', row => ({ id: row.id, name: row.name, links: linksOf(call, `volumes/${row.id}`) }))

export const detailVolumes = (call: CinderCall): CloudReply =>
  list(call, 'volumes/detail', row => volumeView(call, row, 'full'))

function list(call: CinderCall, path: string, view: (row: SimVolumeRow) => object): CloudReply {
  const like = [...call.query.keys()].find(name => name.endsWith('~'))
  if (like !== undefined) throw badRequest(`Invalid filters ${like} are found in query options.`)
  const rows = [...call.state.volumes.values()].filter(row => isListed(call, row))
  const { page, more } = pageOf(call, rows, 'Volume')
  const counted = call.minor >= 45 && call.query.get('with_count') === 'true'
  return {
    status: 200,
    json: {
      volumes: page.map(view),
      ...(more && { volumes_links: nextLink(call, path, page.at(-1)) }),
      ...(counted && { count: rows.length }),
    },
  }
}

/** Filters that are not known are passed over. */
function isListed({ query, caller, isAdmin }: CinderCall, row: SimVolumeRow): boolean {
  const all = isAdmin && /^(1|true)$/i.test(query.get('all_tenants') ?? '')
  const [name, status] = [query.get('name'), query.get('status')]
  return (
    (all || row.projectId === caller.projectId) &&
    (name === null || row.name === name) &&
    (status === null || row.status === status)
  )
}

export function updateVolume(call: CinderCall): CloudReply {
  const row = volumeOf(call)
  const fields = fieldsOf(call, 'volume', [], ['name', 'description', 'metadata'])
  if ('name' in fields) row.name = textIn(fields, 'name')
  if ('description' in fields) row.description = textIn(fields, 'description')
  touch(call, row)
  return { status: 200, json: { volume: volumeView(call, row, 'plain') } }
}

export function setMetadata(call: CinderCall): CloudReply {
  const row = volumeOf(call)
  Object.assign(row.metadata, fieldsOf(call, 'metadata', []))
  touch(call, row)
  return { status: 200, json: { metadata: row.metadata } }
}

const DELETABLE: readonly string[] = ['available', 'error', 'error_restoring', 'error_extending', 'error_managing']

/** Accepted at once, and gone later. */
export function deleteVolume(call: CinderCall): CloudReply {
  const row = volumeOf(call)
  const { state, world } = call
  const hasSnapshots = [...state.snapshots.values()].some(({ volumeId }) => volumeId === row.id)
  const attached = attachmentsOf(state, row.id).some(({ status }) => status === 'attached')
  if (!DELETABLE.includes(row.status) || hasSnapshots || attached) {
    throw invalidVolume(
      'Volume status must be available or error or error_restoring or error_extending or error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer.',
    )
  }
  row.status = 'deleting'
  row.task = { due: world.clock.monotonic() + state.settings.taskMs, do: 'delete' }
  touch(call, row)
  return accepted
}

export function showEncryption(call: CinderCall): CloudReply {
  const row = volumeOf(call)
  const encryption = call.state.types.get(row.typeId)?.encryption
  if (!encryption) return { status: 200, json: { encryption_key_id: null } }
  const { controlLocation, cipher, keySize, provider } = encryption
  const rest = { control_location: controlLocation, cipher, key_size: keySize, provider }
  return { status: 200, json: { encryption_key_id: row.keyId, ...rest } }
}

export function showEncryptionItem(call: CinderCall): CloudReply {
  const { json } = showEncryption(call)
  const text = String((json as Record<string, unknown>)[call.ids.item ?? ''] ?? '')
  return { status: 200, headers: { 'content-type': 'text/html; charset=UTF-8' }, text }
}

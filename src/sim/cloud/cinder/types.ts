import { type CloudReply, isObject } from '../exchange.ts'
import { badRequest, type CinderCall, conflict, requireAdmin, typeOf } from './call.ts'
import { fieldsOf } from './checks.ts'
import type { SimTypeRow } from './rows.ts'
import { typeView } from './views.ts'

/** Newest first. */
export const listTypes = ({ state }: CinderCall): CloudReply => ({
  status: 200,
  json: { volume_types: [...state.types.values()].toReversed().map(typeView) },
})

export const showType = (call: CinderCall): CloudReply => ({
  status: 200,
  json: { volume_type: typeView(typeOf(call, call.ids.type ?? '')) },
})

export function createType(call: CinderCall): CloudReply {
  requireAdmin(call, 'volume_extension:type_create')
  const { name, extra_specs } = fieldsOf(call, 'volume_type', ['name'])
  const { state, world } = call
  if ([...state.types.values()].some(type => type.name === name)) {
    throw conflict(`Volume Type ${String(name)} already exists.`)
  }
  const extraSpecs = isObject(extra_specs) ? (extra_specs as Record<string, string>) : {}
  const id = world.random.uuid()
  const row: SimTypeRow = { id, name: String(name), extraSpecs, backend: backendOf(call, extraSpecs) }
  state.types.set(id, row)
  return { status: 200, json: { volume_type: typeView(row) } }
}

function backendOf(
  { state }: CinderCall,
  { volume_backend_name: name }: Record<string, string>,
): SimTypeRow['backend'] {
  if (name === undefined) return state.settings.backend
  return name === 'ceph' || name === 'lab' ? name : undefined
}

export function deleteType(call: CinderCall): CloudReply {
  requireAdmin(call, 'volume_extension:type_delete')
  const { id } = typeOf(call, call.ids.type ?? '')
  if ([...call.state.volumes.values()].some(({ typeId }) => typeId === id)) {
    throw badRequest('Target volume type is still in use.')
  }
  call.state.types.delete(id)
  return { status: 202, headers: { 'content-type': 'text/html; charset=UTF-8' } }
}

export function showTypeEncryption(call: CinderCall): CloudReply {
  requireAdmin(call, 'volume_extension:volume_type_encryption:get')
  const { id, encryption } = typeOf(call, call.ids.type ?? '')
  if (!encryption) return { status: 200, json: {} }
  const { provider, cipher, keySize: key_size, controlLocation: control_location } = encryption
  const rest = { provider, cipher, key_size, control_location, deleted: false }
  return { status: 200, json: { encryption_id: id, volume_type_id: id, ...rest } }
}

export function createTypeEncryption(call: CinderCall): CloudReply {
  requireAdmin(call, 'volume_extension:volume_type_encryption:create')
  const type = typeOf(call, call.ids.type ?? '')
  const { provider, cipher, key_size, control_location } = fieldsOf(call, 'encryption', [
    'provider',
    'control_location',
  ])
  const keySize = key_size === undefined || key_size === null ? null : Number(key_size)
  const encryption = {
    provider: String(provider),
    cipher: typeof cipher === 'string' ? cipher : null,
    keySize,
    controlLocation: String(control_location),
  }
  call.state.types.set(type.id, { ...type, encryption })
  const json = {
    encryption: { volume_type_id: type.id, encryption_id: type.id, provider, cipher, key_size, control_location },
  }
  return { status: 200, json }
}

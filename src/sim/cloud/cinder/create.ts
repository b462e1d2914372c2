import { isDeepStrictEqual } from 'node:util'
import { mayUseKeys, newKey } from '../barbican/keys.ts'
import type { CloudReply } from '../exchange.ts'
import {
  badRequest,
  type CinderCall,
  invalidInput,
  invalidVolume,
  isMultiattach,
  notFound,
  typeOf,
  volumeOf,
} from './call.ts'
import { booleanIn, fieldsOf, metadataIn, sizeIn, textIn, uuidIn } from './checks.ts'
import { checkQuota, checkSize } from './quotas.ts'
import type { SimSnapshotRow, SimTypeRow, SimVolumeRow, Task } from './rows.ts'
import { volumeView } from './views.ts'

const ZONES: readonly string[] = ['nova', 'az2']

interface Source {
  readonly volume?: SimVolumeRow | undefined
  readonly snapshot?: SimSnapshotRow | undefined
  readonly imageId?: string | undefined
}

/** Accepted at once, and made later. */
export function createVolume(call: CinderCall): CloudReply {
  const fields = fieldsOf(call, 'volume', [])
  const asked = sizeIn(fields, 'size')
  if (booleanIn(fields, 'multiattach')) {
    throw badRequest(
      'multiattach parameter has been removed. The default behavior is to use multiattach enabled volume types. Contact your administrator to create a multiattach enabled volume type and use it to create multiattach volumes.',
    )
  }
  const source = sourceOf(call, fields)
  const size = sizeFor(asked, source)
  const zone = textIn(fields, 'availability_zone') ?? source.volume?.zone ?? 'nova'
  if (!ZONES.includes(zone)) throw badRequest(`Availability zone '${zone}' is invalid.`)
  const type = volumeType(call, textIn(fields, 'volume_type'), source)
  checkSize(call, size)
  const keyId = keyFor(call, type, source)
  checkQuota(call, { volumes: 1, gigabytes: size })
  const { world, state, caller } = call
  const row: SimVolumeRow = {
    id: world.random.uuid(),
    projectId: caller.projectId,
    userId: caller.user.id,
    name: textIn(fields, 'name'),
    description: textIn(fields, 'description'),
    status: 'creating',
    size,
    zone,
    typeId: type.id,
    backend: type.backend,
    snapshotId: source.snapshot?.id ?? null,
    sourceId: source.volume?.id ?? null,
    imageId: source.imageId ?? null,
    metadata: metadataIn(fields),
    adminMetadata: {},
    bootable: source.imageId !== undefined || source.volume?.bootable === true,
    multiattach: isMultiattach(type),
    keyId: keyId?.() ?? null,
    createdAt: world.clock.now(),
    updatedAt: undefined,
    task: taskOf(call, type, zone),
  }
  state.volumes.set(row.id, row)
  return { status: 202, json: { volume: volumeView(call, row, 'fresh') } }
}

function sourceOf(call: CinderCall, fields: Readonly<Record<string, unknown>>): Source {
  const snapshotId = uuidIn(fields, 'snapshot_id', { orNull: true })
  const sourceId = uuidIn(fields, 'source_volid', { orNull: true })
  const imageId = textIn(fields, 'imageRef')
  if (snapshotId !== undefined) return { snapshot: availableSnapshot(call, snapshotId) }
  if (sourceId !== undefined) return { volume: usableVolume(call, sourceId) }
  if (imageId === null) return {}
  if (call.state.images.has(imageId)) return { imageId }
  throw badRequest('Invalid image identifier or unable to access requested image.')
}

function availableSnapshot(call: CinderCall, id: string): SimSnapshotRow {
  const snapshot = call.state.snapshots.get(id)
  if (!snapshot || snapshot.projectId !== call.caller.projectId) throw notFound(`Snapshot ${id} could not be found.`)
  if (snapshot.status === 'available') return snapshot
  throw badRequest(`Invalid snapshot: Originating snapshot status must be one of 'available' values`)
}

function usableVolume(call: CinderCall, id: string): SimVolumeRow {
  const volume = volumeOf(call, id)
  if (volume.status === 'available' || volume.status === 'in-use') return volume
  throw invalidVolume(`Originating source volume status must be one of 'available, in-use' values`)
}

function sizeFor(asked: number | undefined, { volume, snapshot }: Source): number {
  const least = volume?.size ?? snapshot?.size
  const size = asked ?? least
  if (size === undefined) throw invalidInput(`Volume size 'None' must be an integer and greater than 0`)
  if (least === undefined || size >= least) return size
  throw invalidInput(
    volume
      ? `Volume size '${size}'GB cannot be smaller than original volume size  ${least}GB. They must be >= original volume size.`
      : `Volume size '${size}'GB cannot be smaller than the snapshot size ${least}GB. They must be >= original snapshot size.`,
  )
}

/** That of the source, unless told; another only if it is kept in the same place, encrypted in the same way. */
function volumeType(call: CinderCall, asked: string | null, { volume, snapshot }: Source): SimTypeRow {
  const { types, volumes, settings } = call.state
  const parent = types.get((volume ?? volumes.get(snapshot?.volumeId ?? ''))?.typeId ?? '')
  if (asked === null) return parent ?? typeOf(call, settings.defaultType)
  const type = typeOf(call, asked)
  const isKept = type.backend === parent?.backend && isDeepStrictEqual(type.encryption, parent?.encryption)
  if (!parent || type.id === parent.id || isKept) return type
  const why = volume
    ? 'requested type is not compatible; either match source volume, or omit type argument'
    : 'requested type is not compatible; recommend omitting the type argument'
  throw invalidInput(`Invalid volume_type provided: ${type.id} (${why}).`)
}

/**
 * A new key; of an encrypted source a copy of its own under another id, since each goes with its volume. Undefined: the volume
 * is not encrypted.
 */
function keyFor(call: CinderCall, { encryption }: SimTypeRow, source: Source): (() => string) | undefined {
  if (!encryption) return undefined
  if (!mayUseKeys(call.caller)) throw badRequest('Key manager error')
  const parent = call.state.secrets.get(source.volume?.keyId ?? source.snapshot?.keyId ?? '')
  const bitLength = encryption.keySize ?? 256
  const { world, state, caller } = call
  const owner = { projectId: caller.projectId, creatorId: caller.user.id }
  return () => newKey(world, state, { ...owner, bitLength, payload: parent?.payload?.slice() })
}

function taskOf({ world, state }: CinderCall, { backend, zone = 'nova' }: SimTypeRow, wanted: string): Task {
  const due = world.clock.monotonic() + state.settings.taskMs
  if (backend !== undefined && zone === wanted) return { due, do: 'create' }
  const text = 'schedule allocate volume:Could not find any available weighted backend.'
  return { due, do: 'fail', event: 'VOLUME_VOLUME_001_003', text }
}

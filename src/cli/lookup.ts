import type { InstanceView } from '#src/engine/api.ts'
import type { Holdfast } from '#src/holdfast.ts'
import type { OperationRecord } from '#src/journal/operation.ts'
import type { Attachment, Snapshot, Volume, VolumeType } from '#src/volumes/volume-service.ts'
import { type ResolveOptions, resolveBy, resolveOne } from './resolve.ts'

/** What names and ids on the command line mean, in an opened state. */

export const findVolume = (
  holdfast: Holdfast,
  text: string,
  signal: AbortSignal,
  options?: ResolveOptions,
): Promise<Volume> =>
  resolveBy(
    'volume',
    text,
    { get: id => holdfast.volumes.get(id, signal), all: () => holdfast.volumes.getAll({}, signal) },
    options,
  )

export const findSnapshot = (
  holdfast: Holdfast,
  text: string,
  signal: AbortSignal,
  options?: ResolveOptions,
): Promise<Snapshot> =>
  resolveBy(
    'snapshot',
    text,
    { get: id => holdfast.volumes.getSnapshot(id, signal), all: () => holdfast.volumes.getAllSnapshots(signal) },
    options,
  )

export const findVolumeType = async (
  holdfast: Holdfast,
  text: string,
  signal: AbortSignal,
  options?: ResolveOptions,
): Promise<VolumeType> => resolveOne('volume type', text, await holdfast.volumes.getAllVolumeTypes(signal), options)

export async function findInstance(holdfast: Holdfast, text: string, options?: ResolveOptions): Promise<InstanceView> {
  const named = (view: InstanceView) => ({ id: view.record.id, name: view.record.name, view })
  const found = await resolveBy(
    'instance',
    text,
    {
      get: async id => named(await holdfast.instances.show(id)),
      all: async () => (await holdfast.instances.list()).map(named),
    },
    options,
  )
  return found.view
}

/** By its id, or the beginning of it. */
export const findAttachment = (
  holdfast: Holdfast,
  text: string,
  signal: AbortSignal,
  options?: ResolveOptions,
): Promise<Attachment> =>
  resolveBy(
    'attachment',
    text,
    {
      get: id => holdfast.volumes.attachmentGet(id, signal),
      all: () => holdfast.volumes.attachmentGetAll({ all: true }, signal),
    },
    options,
  )

export async function findOperation(holdfast: Holdfast, text: string): Promise<OperationRecord> {
  return resolveBy('operation', text, {
    get: async id => (await holdfast.operations.show(id)).record,
    all: () => holdfast.operations.list(),
  })
}

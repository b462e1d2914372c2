import { HoldfastError } from '#src/core/error.ts'
import type { Holdfast } from '#src/holdfast.ts'
import type { Snapshot, Volume } from '#src/volumes/volume-service.ts'

/**
 * A volume service may accept a request and do it later (Cinder). These wait until it is done, or tell how it failed; with
 * `wait` false what was accepted is given as it is.
 */
export async function settledVolume(
  holdfast: Holdfast,
  volume: Volume,
  { what, wait, signal }: { readonly what: string; readonly wait: boolean; readonly signal: AbortSignal },
): Promise<Volume> {
  if (!wait) return volume
  const settled = await holdfast.volumes.settled(volume.id, signal)
  if (!settled) throw gone('volume', volume.id, what)
  if (settled.status.startsWith('error'))
    throw failed('volume', settled, what, await reasonOf(holdfast, volume.id, signal))
  return settled
}

export async function volumeGone(holdfast: Holdfast, volume: Volume, signal: AbortSignal): Promise<void> {
  const left = await holdfast.volumes.settled(volume.id, signal)
  if (left) throw failed('volume', left, 'delete it', await reasonOf(holdfast, volume.id, signal))
}

export async function settledSnapshot(holdfast: Holdfast, snapshot: Snapshot, signal: AbortSignal): Promise<Snapshot> {
  const settled = await holdfast.volumes.snapshotSettled(snapshot.id, signal)
  if (!settled) throw gone('snapshot', snapshot.id, 'make it')
  if (settled.status.startsWith('error')) throw failed('snapshot', settled, 'make it', undefined)
  return settled
}

export async function snapshotGone(holdfast: Holdfast, snapshot: Snapshot, signal: AbortSignal): Promise<void> {
  const left = await holdfast.volumes.snapshotSettled(snapshot.id, signal)
  if (left) throw failed('snapshot', left, 'delete it', undefined)
}

/** In the volume service's own words, where it keeps any. */
async function reasonOf(holdfast: Holdfast, volumeId: string, signal: AbortSignal): Promise<string | undefined> {
  const messages = await holdfast.cloud.messagesOf(volumeId, signal)
  return messages[0]
}

const gone = (noun: string, id: string, what: string) =>
  new HoldfastError('not-found', `${noun}-not-found`, `${noun} ${id} is gone while the volume service was to ${what}`)

function failed(noun: string, row: Volume | Snapshot, what: string, reason: string | undefined): HoldfastError {
  const why = reason === undefined ? '' : `: ${reason}`
  const message = `the volume service could not ${what}: ${noun} ${row.id} is '${row.status}'${why}`
  return new HoldfastError('unavailable', `${noun}-error`, message, {
    details: {
      volume: 'volumeId' in row ? row.volumeId : row.id,
      left: `${noun} ${row.id}, in status '${row.status}'`,
      hint: `its volume service's log has more; when the cause is gone: holdfast ${noun} delete ${row.id}`,
    },
  })
}

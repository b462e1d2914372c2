import { GIB } from '#src/core/sizes.ts'
import type { World } from '../../world.ts'
import type { CloudState } from '../state.ts'
import type { SimSnapshotRow, SimVolumeRow } from './rows.ts'
import { fileOf, makeStorage, storageOf } from './storage.ts'

/** What the service does later, once it is time: nothing of it needs a process of ours. */
export function settle(world: World, state: CloudState): void {
  const now = world.clock.monotonic()
  for (const row of state.volumes.values()) {
    if (row.task && row.task.due <= now) settleVolume(world, state, row)
  }
  for (const row of state.snapshots.values()) {
    if (row.task && row.task.due <= now) settleSnapshot(world, state, row)
  }
}

function settleVolume(world: World, state: CloudState, row: SimVolumeRow): void {
  const { task } = row
  row.task = undefined
  row.updatedAt = world.clock.now()
  switch (task?.do) {
    case 'create':
      makeStorage(world, state, row)
      row.status = 'available'
      break
    case 'fail':
      row.status = 'error'
      state.messages.push({
        id: world.random.uuid(),
        projectId: row.projectId,
        volumeId: row.id,
        event: task.event,
        text: task.text,
        at: world.clock.now(),
      })
      break
    case 'extend':
      extend(world, row, task.size)
      row.status = task.before
      break
    case 'reimage':
      row.imageId = task.imageId
      row.status = task.before === 'error' ? 'available' : task.before
      break
    case 'delete':
      forget(world, state, row)
      break
    default:
  }
}

function extend(world: World, row: SimVolumeRow, size: number): void {
  row.size = size
  const file = fileOf(world, row)
  if (file) file.sizeBytes = size * GIB
}

function forget(world: World, state: CloudState, row: SimVolumeRow): void {
  world.files.delete(storageOf(row))
  if (row.keyId !== null) state.secrets.delete(row.keyId)
  state.volumes.delete(row.id)
}

/** An image of Ceph keeps a snapshot that another was made from: it cannot be deleted, and is available again. */
function settleSnapshot(world: World, state: CloudState, row: SimSnapshotRow): void {
  const { task } = row
  row.task = undefined
  row.updatedAt = world.clock.now()
  const isChild = ({ snapshotId, backend }: SimVolumeRow) => snapshotId === row.id && backend === 'ceph'
  const children = !state.settings.flatten && [...state.volumes.values()].some(isChild)
  if (task?.do === 'delete' && !children) {
    state.snapshots.delete(row.id)
    return
  }
  row.status = 'available'
  row.progress = '100%'
}

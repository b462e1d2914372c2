import { duplicateConnection, invalidInput, wrongVolumeState } from '../errors.ts'
import { ATTACH_STATES } from '../rules.ts'
import type { VolumeStatus } from '../volume-service.ts'
import { insertAttachment } from './attachments.ts'
import type { Catalog } from './catalog.ts'
import type { AttachmentRow, VolumeRow } from './records.ts'

const OLD: readonly VolumeStatus[] = ['in-use', 'detaching']
const NEW: readonly VolumeStatus[] = ['available', 'reserved', 'attaching', 'in-use']

/**
 * The instance's data was copied from one volume to another (Cinder `migrate_volume_completion`, the case that no
 * migration of Cinder's own is going on): the attachments of the old volume become those of the new one. Idempotent.
 * @returns the volume that the instance keeps using
 */
export function completeSwap(
  catalog: Catalog,
  newId: () => string,
  oldId: string,
  nextId: string,
  failed: boolean,
): string {
  return catalog.db.transaction(() => {
    const old = catalog.volume(oldId)
    const next = catalog.volume(nextId)
    if (oldId === nextId) throw invalidInput(`volume ${oldId} cannot be swapped for itself`)
    if (failed) {
      catalog.setStatus(oldId, ['detaching'], 'in-use')
      return oldId
    }
    const moving = catalog.attached(oldId)
    if (moving.length === 0 && catalog.attached(nextId).length > 0) return nextId
    if (!OLD.includes(old.status)) throw wrongVolumeState(old, 'be swapped', OLD)
    if (!NEW.includes(next.status)) throw wrongVolumeState(next, 'take its place', NEW)
    for (const attachment of moving) moveAttachment(catalog, newId(), attachment, next)
    catalog.settle(oldId)
    catalog.setStatus(nextId, ATTACH_STATES, 'in-use')
    return nextId
  })
}

function moveAttachment(catalog: Catalog, id: string, from: AttachmentRow, to: VolumeRow): void {
  const there = catalog.attachments({ volumeId: to.id })
  const own = there.find(row => row.instanceId === from.instanceId)
  const other = there.find(row => row !== own)
  if (other && !to.multiattach) throw duplicateConnection(to.id, other.id)
  catalog.db.run('DELETE FROM attachments WHERE id = :id', { id: from.id })
  const { instanceId, mountpoint, attachMode } = from
  const facts = { instanceId, mountpoint, attachMode, attachedAt: catalog.now(), connectorHost: from.connectorHost }
  if (own) catalog.db.run('DELETE FROM attachments WHERE id = :id', { id: own.id })
  insertAttachment(catalog, { ...facts, id: own?.id ?? id, volumeId: to.id, status: 'attached' })
}

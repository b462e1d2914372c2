import type { Random } from '#src/core/random.ts'
import { attachmentNotFound, duplicateConnection, invalidVolume, wrongVolumeState } from '../errors.ts'
import { checkAttachmentRequest } from '../requests.ts'
import { ALLOWED, reservable } from '../rules.ts'
import { insertAttachment } from './attachments.ts'
import type { Catalog } from './catalog.ts'
import type { AttachmentRow } from './records.ts'

/** The older generation of verbs: reserve, attach and detach on the volume itself (Cinder's `os-reserve` and its kin). */
export class LegacyFlow {
  readonly #catalog: Catalog
  readonly #random: Random
  readonly #hostName: string

  constructor(parts: { catalog: Catalog; random: Random; hostName: string }) {
    this.#catalog = parts.catalog
    this.#random = parts.random
    this.#hostName = parts.hostName
  }

  reserve(volumeId: string): void {
    this.#catalog.db.transaction(() => {
      const { multiattach } = this.#catalog.volume(volumeId)
      this.#catalog.move(volumeId, reservable(multiattach), 'attaching', 'be reserved')
    })
  }

  /** Only from `attaching`; an attachment that is being connected keeps the volume so. */
  unreserve(volumeId: string): void {
    this.#catalog.db.transaction(() => {
      if (this.#catalog.volume(volumeId).status === 'attaching') this.#catalog.settle(volumeId)
    })
  }

  beginDetaching(volumeId: string): void {
    this.#catalog.db.transaction(() => {
      this.#catalog.move(volumeId, ALLOWED.beginDetaching, 'detaching', 'be detached')
    })
  }

  rollDetaching(volumeId: string): void {
    this.#catalog.db.transaction(() => {
      this.#catalog.volume(volumeId)
      this.#catalog.setStatus(volumeId, ['detaching'], 'in-use')
    })
  }

  attach(volumeId: string, request: { instanceId: string; mountpoint: string; mode: 'rw' | 'ro' }): void {
    checkAttachmentRequest(request.instanceId, request.mountpoint)
    this.#catalog.db.transaction(() => {
      const { multiattach } = this.#catalog.move(volumeId, ALLOWED.attach, 'in-use', 'be attached')
      const [other] = this.#catalog.attachments({ volumeId })
      if (other && !multiattach) throw duplicateConnection(volumeId, other.id)
      insertAttachment(this.#catalog, {
        id: this.#random.uuid(),
        volumeId,
        instanceId: request.instanceId,
        status: 'attached',
        attachMode: request.mode,
        mountpoint: request.mountpoint,
        connectorHost: this.#hostName,
        attachedAt: this.#catalog.now(),
      })
    })
  }

  detach(volumeId: string, request: { instanceId?: string; attachmentId?: string }): void {
    this.#catalog.db.transaction(() => {
      const volume = this.#catalog.volume(volumeId)
      if (!ALLOWED.detach.some(status => status === volume.status)) {
        throw wrongVolumeState(volume, 'be detached', ALLOWED.detach)
      }
      const meant = this.#meant(volumeId, request)
      if (meant) this.#catalog.db.run('DELETE FROM attachments WHERE id = :id', { id: meant.id })
      this.#catalog.settle(volumeId)
    })
  }

  /** Undefined if the volume has no attachment and none was named: then only its status is set right. */
  #meant(volumeId: string, request: { instanceId?: string; attachmentId?: string }): AttachmentRow | undefined {
    const all = this.#catalog.attachments({ volumeId })
    const { attachmentId, instanceId } = request
    const matching = all.filter(
      row => row.id === (attachmentId ?? row.id) && row.instanceId === (instanceId ?? row.instanceId),
    )
    if (matching.length === 0 && attachmentId !== undefined) throw attachmentNotFound(attachmentId, volumeId)
    if (matching.length === 0 && all.length > 0) {
      throw invalidVolume(volumeId, `volume ${volumeId} is not attached to instance ${instanceId}`)
    }
    if (matching.length > 1) {
      throw invalidVolume(volumeId, `volume ${volumeId} has ${matching.length} attachments`, 'name the attachment')
    }
    return matching[0]
  }
}

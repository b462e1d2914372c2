import type { Change } from '#src/core/change.ts'
import type { ConnectionInfo, ConnectorProperties } from '#src/core/connection-info.ts'
import type { Random } from '#src/core/random.ts'
import { duplicateConnection, wrongAttachmentState, wrongHost, wrongVolumeState } from '../errors.ts'
import { checkAttachmentFilter, checkAttachmentRequest, checkConnector, mountpointOf } from '../requests.ts'
import { ALLOWED, isAttached, reservable } from '../rules.ts'
import type { Attachment, AttachmentFilter } from '../volume-service.ts'
import type { Catalog } from './catalog.ts'
import { attachment, connectionInfo } from './connection.ts'
import type { Pool } from './pool.ts'
import type { AttachmentRow, VolumeRow } from './records.ts'

export interface CreateAttachment {
  readonly volumeId: string
  readonly instanceId: string
  readonly connector?: ConnectorProperties
  readonly mountpoint?: string
}

const CONNECTABLE = ['reserved', 'attaching', 'in-use', 'detaching'] as const

/** Attachments as resources of their own (Cinder since 3.44). */
export class Attachments {
  readonly #catalog: Catalog
  readonly #pool: Pool
  readonly #random: Random
  readonly #hostName: string

  constructor(parts: { catalog: Catalog; pool: Pool; random: Random; hostName: string }) {
    this.#catalog = parts.catalog
    this.#pool = parts.pool
    this.#random = parts.random
    this.#hostName = parts.hostName
  }

  async create(request: CreateAttachment): Promise<Attachment> {
    checkAttachmentRequest(request.instanceId, request.mountpoint)
    if (request.connector) this.#checkConnector(request.volumeId, request.connector)
    const id = this.#random.uuid()
    this.#catalog.db.transaction(() => this.#reserve(id, request))
    if (!request.connector) return this.get(id)
    try {
      return await this.update(id, request.connector, request.mountpoint)
    } catch (error) {
      this.delete(id)
      throw error
    }
  }

  #reserve(id: string, request: CreateAttachment): void {
    const volume = this.#catalog.volume(request.volumeId)
    const allowed = reservable(volume.multiattach)
    if (!this.#catalog.setStatus(volume.id, allowed, 'reserved') && !this.#mayAdd(volume, request.instanceId)) {
      throw wrongVolumeState(volume, 'be attached', allowed)
    }
    insertAttachment(this.#catalog, {
      id,
      volumeId: volume.id,
      instanceId: request.instanceId,
      status: 'reserved',
      attachMode: 'rw',
      mountpoint: request.mountpoint ?? '',
    })
  }

  /** An instance that moves has two attachments of one volume for a while (Launchpad 1694530). */
  #mayAdd(volume: VolumeRow, instanceId: string): boolean {
    if (!CONNECTABLE.some(status => status === volume.status)) return false
    return this.#catalog.attachments({ volumeId: volume.id, instanceId }).length > 0
  }

  get(id: string): Attachment {
    return this.#view(this.#catalog.attachment(id))
  }

  list(filter: AttachmentFilter): readonly Attachment[] {
    checkAttachmentFilter(filter)
    return this.#catalog.attachments(filter).map(row => this.#view(row))
  }

  #view(row: AttachmentRow): Attachment {
    return attachment(row, this.#catalog.volume(row.volumeId), this.#pool.volumePath(row.volumeId))
  }

  async update(id: string, connector: ConnectorProperties, given: string | undefined): Promise<Attachment> {
    const found = this.#catalog.attachment(id)
    this.#checkConnector(found.volumeId, connector)
    const mountpoint = mountpointOf(connector, given)
    const volume = this.#catalog.volume(found.volumeId)
    if (!CONNECTABLE.some(status => status === volume.status))
      throw wrongVolumeState(volume, 'be connected', CONNECTABLE)
    await this.#pool.checkVolume(volume)
    this.#catalog.db.transaction(() => this.#connect(id, connector.host, mountpoint))
    return this.get(id)
  }

  #connect(id: string, host: string, mountpoint: string | undefined): void {
    const row = this.#catalog.attachment(id)
    const volume = this.#catalog.volume(row.volumeId)
    const other = this.#catalog
      .attachments({ volumeId: row.volumeId })
      .find(each => each.id !== id && each.connectorHost !== null)
    if (other && !volume.multiattach) throw duplicateConnection(row.volumeId, other.id)
    if (isAttached(row.status)) return
    const sql = `UPDATE attachments SET status = 'attaching', connector_host = :host, mountpoint = COALESCE(:mountpoint, mountpoint)
      WHERE id = :id AND status IN ('reserved', 'attaching')`
    if (this.#catalog.db.run(sql, { id, host, mountpoint }) === 0) {
      throw wrongAttachmentState(row, 'be connected', ['reserved', 'attaching'])
    }
    this.#catalog.setStatus(row.volumeId, ['reserved', 'in-use'], 'attaching')
  }

  complete(id: string): void {
    this.#catalog.db.transaction(() => {
      const row = this.#catalog.attachment(id)
      if (isAttached(row.status)) return
      if (row.status !== 'attaching') throw wrongAttachmentState(row, 'be completed', ['attaching'])
      const sql = `UPDATE attachments SET status = 'attached', attached_at = :now WHERE id = :id`
      this.#catalog.db.run(sql, { id, now: this.#catalog.now() })
      this.#catalog.setStatus(row.volumeId, ['reserved', 'attaching', 'in-use'], 'in-use')
    })
  }

  delete(id: string): Change {
    return this.#catalog.db.transaction(() => {
      const row = this.#catalog.findAttachment(id)
      if (!row) return 'already'
      this.#catalog.db.run('DELETE FROM attachments WHERE id = :id', { id })
      this.#catalog.settle(row.volumeId)
      return 'made'
    })
  }

  /** Connection info without an attachment: the generation of reserve, initialize, attach. */
  async initialize(volumeId: string, connector: ConnectorProperties): Promise<ConnectionInfo> {
    this.#checkConnector(volumeId, connector)
    const volume = this.#catalog.volume(volumeId)
    const allowed = ALLOWED.initializeConnection
    if (!allowed.some(status => status === volume.status)) throw wrongVolumeState(volume, 'be connected', allowed)
    await this.#pool.checkVolume(volume)
    return connectionInfo(volume, this.#pool.volumePath(volumeId), { host: connector.host, mode: 'rw' })
  }

  #checkConnector(volumeId: string, connector: ConnectorProperties): void {
    checkConnector(connector)
    if (connector.host !== this.#hostName) throw wrongHost(volumeId, connector.host, this.#hostName)
  }
}

export function insertAttachment(
  catalog: Catalog,
  row: Omit<AttachmentRow, 'attachedAt' | 'connectorHost'> & { connectorHost?: string | null; attachedAt?: string },
): void {
  const sql = `INSERT INTO attachments
    (id, volume_id, instance_id, status, attach_mode, mountpoint, connector_host, attached_at, created_at)
    VALUES (:id, :volumeId, :instanceId, :status, :attachMode, :mountpoint, :connectorHost, :attachedAt, :now)`
  const { id, volumeId, instanceId, status, attachMode, mountpoint, connectorHost, attachedAt } = row
  const values = { id, volumeId, instanceId, status, attachMode, mountpoint, connectorHost, attachedAt }
  catalog.db.run(sql, { ...values, now: catalog.now() })
}

import type { Clock } from '#src/core/clock.ts'
import { apiTime } from '#src/core/clock.ts'
import {
  attachmentNotFound,
  invalidVolume,
  snapshotNotFound,
  volumeNotFound,
  volumeTypeNotFound,
  wrongVolumeState,
} from '../errors.ts'
import { ATTACH_STATES, isAttached, statusFrom } from '../rules.ts'
import type { AttachmentFilter, VolumeStatus, VolumeType } from '../volume-service.ts'
import type { Database } from './database.ts'
import {
  type AttachmentRow,
  attachmentRow,
  type SnapshotRow,
  snapshotRow,
  type VolumeRow,
  volumeRow,
  volumeType,
} from './records.ts'

const VOLUMES =
  'SELECT volumes.*, volume_types.name AS type_name FROM volumes LEFT JOIN volume_types ON volume_types.id = volumes.type_id'

export interface QuotaSettings {
  /** −1: no limit. */
  readonly volumes: number
  readonly gigabytes: number
  readonly snapshots: number
}

/** What is recorded, and the compare-and-set changes that every verb is made of. Synchronous throughout. */
export class Catalog {
  readonly db: Database
  readonly #clock: Clock
  readonly #quotas: QuotaSettings

  constructor(db: Database, clock: Clock, quotas: QuotaSettings) {
    this.db = db
    this.#clock = clock
    this.#quotas = quotas
  }

  now(): string {
    return apiTime(this.#clock.now())
  }

  volume(id: string): VolumeRow {
    const row = this.db.get(`${VOLUMES} WHERE volumes.id = :id`, { id })
    if (!row) throw volumeNotFound(id)
    return volumeRow(row)
  }

  volumes(filter: { name?: string | undefined; status?: VolumeStatus | undefined } = {}): VolumeRow[] {
    const sql = `${VOLUMES} WHERE (:name IS NULL OR volumes.name = :name) AND (:status IS NULL OR status = :status)
      ORDER BY created_at, volumes.rowid`
    return this.db.all(sql, { name: filter.name, status: filter.status }).map(volumeRow)
  }

  snapshot(id: string): SnapshotRow {
    const row = this.db.get('SELECT * FROM snapshots WHERE id = :id', { id })
    if (!row) throw snapshotNotFound(id)
    return snapshotRow(row)
  }

  snapshots(): SnapshotRow[] {
    return this.db.all('SELECT * FROM snapshots ORDER BY created_at, rowid').map(snapshotRow)
  }

  attachment(id: string): AttachmentRow {
    const row = this.findAttachment(id)
    if (!row) throw attachmentNotFound(id)
    return row
  }

  findAttachment(id: string): AttachmentRow | undefined {
    const row = this.db.get('SELECT * FROM attachments WHERE id = :id', { id })
    return row && attachmentRow(row)
  }

  attachments(filter: AttachmentFilter = {}): AttachmentRow[] {
    const sql = `SELECT * FROM attachments WHERE (:volumeId IS NULL OR volume_id = :volumeId)
      AND (:instanceId IS NULL OR instance_id = :instanceId) ORDER BY created_at, rowid`
    return this.db.all(sql, { volumeId: filter.volumeId, instanceId: filter.instanceId }).map(attachmentRow)
  }

  type(nameOrId: string): VolumeType {
    const row = this.db.get('SELECT * FROM volume_types WHERE name = :it OR id = :it', { it: nameOrId })
    if (!row) throw volumeTypeNotFound(nameOrId)
    return volumeType(row)
  }

  types(): VolumeType[] {
    return this.db.all('SELECT * FROM volume_types ORDER BY name').map(volumeType)
  }

  limits() {
    const row = this.db.get(`SELECT
      (SELECT COUNT(*) FROM volumes) AS volumes,
      (SELECT COUNT(*) FROM snapshots) AS snapshots,
      (SELECT COALESCE(SUM(size), 0) FROM volumes) + (SELECT COALESCE(SUM(size), 0) FROM snapshots) AS gigabytes`)
    return {
      maxTotalVolumes: this.#quotas.volumes,
      maxTotalVolumeGigabytes: this.#quotas.gigabytes,
      maxTotalSnapshots: this.#quotas.snapshots,
      totalVolumesUsed: row?.integer('volumes') ?? 0,
      totalGigabytesUsed: row?.integer('gigabytes') ?? 0,
      totalSnapshotsUsed: row?.integer('snapshots') ?? 0,
    }
  }

  /** Compare and set; false if the volume was in none of those states. */
  setStatus(id: string, from: readonly VolumeStatus[], to: VolumeStatus): boolean {
    const sql = `UPDATE volumes SET status = :to, generation = generation + 1
      WHERE id = :id AND status IN (SELECT value FROM json_each(:from))`
    return this.db.run(sql, { id, to, from: JSON.stringify(from) }) > 0
  }

  /** Compare and set, or a refusal that names the state that the volume is in. Gives the row as it was before. */
  move(id: string, from: readonly VolumeStatus[], to: VolumeStatus, verb: string): VolumeRow {
    const row = this.volume(id)
    if (!this.setStatus(id, from, to)) throw wrongVolumeState(row, verb, from)
    return row
  }

  statusByAttachments(volumeId: string): VolumeStatus {
    return statusFrom(this.attachments({ volumeId }).map(row => row.status))
  }

  /** The volume's status by the attachments that it has; states that do not follow from attachments stay. */
  settle(volumeId: string): void {
    this.setStatus(volumeId, ATTACH_STATES, this.statusByAttachments(volumeId))
  }

  attached(volumeId: string): AttachmentRow[] {
    return this.attachments({ volumeId }).filter(row => isAttached(row.status))
  }

  /** While something is being copied from the volume its file must stay as it is. */
  refuseWhileCopied(volumeId: string): void {
    const sql = `SELECT 'snapshot ' || id AS copy FROM snapshots WHERE volume_id = :id AND status = 'creating'
      UNION ALL SELECT 'volume ' || id FROM volumes WHERE source_volume_id = :id AND status = 'creating' LIMIT 1`
    const copy = this.db.get(sql, { id: volumeId })?.text('copy')
    if (copy) throw invalidVolume(volumeId, `volume ${volumeId} is being copied to ${copy}`, 'wait until that is done')
  }
}

import type { Change } from '#src/core/change.ts'
import type { ConnectionInfo, ConnectorProperties } from '#src/core/connection-info.ts'
import { HoldfastError } from '#src/core/error.ts'
import {
  attachmentNotFound,
  duplicateConnection,
  invalidInput,
  invalidVolume,
  wrongAttachmentState,
  wrongHost,
  wrongVolumeState,
} from '#src/volumes/errors.ts'
import { checkConnector, mountpointOf } from '#src/volumes/requests.ts'
import { ALLOWED, ATTACH_STATES, isAttached, reservable } from '#src/volumes/rules.ts'
import {
  type SimAttachment,
  type SimVolume,
  type SimVolumeState,
  simConnectionInfo,
  simFileBytes,
} from './volume-state.ts'
import type { World } from './world.ts'

const CONNECTABLE: readonly SimVolume['status'][] = ['reserved', 'attaching', 'in-use', 'detaching']

export interface SimAttachmentRequest {
  readonly volumeId: string
  readonly instanceId: string
  readonly connector?: ConnectorProperties
  readonly mountpoint?: string
}

/** Both generations of attachment verbs on the simulated state: each is atomic, and a refusal changes nothing. */
export class SimAttachments {
  readonly #world: World
  readonly #state: SimVolumeState
  readonly #path: (volumeId: string) => string
  readonly #now: () => string

  constructor(world: World, state: SimVolumeState, path: (volumeId: string) => string, now: () => string) {
    this.#world = world
    this.#state = state
    this.#path = path
    this.#now = now
  }

  create({ volumeId, instanceId, connector, mountpoint }: SimAttachmentRequest): SimAttachment {
    const volume = this.#state.volume(volumeId)
    if (connector) this.checkConnector(volumeId, connector)
    const allowed = reservable(volume.multiattach)
    const free = allowed.includes(volume.status)
    const moving = CONNECTABLE.includes(volume.status) && this.#state.attachmentsOf({ volumeId, instanceId }).length > 0
    if (!free && !moving) throw wrongVolumeState(volume, 'be attached', allowed)
    const row = this.#row({ volumeId, instanceId, mountpoint: mountpoint ?? '' })
    if (connector) this.#checkConnect(row, connector)
    this.#state.attachments.set(row.id, row)
    if (free) volume.status = 'reserved'
    if (connector) this.update(row.id, connector, mountpoint)
    return row
  }

  #row(known: Pick<SimAttachment, 'volumeId' | 'instanceId' | 'mountpoint'>): SimAttachment {
    const id = this.#world.random.uuid()
    return { id, ...known, status: 'reserved', attachMode: 'rw', attachedAt: null, connectorHost: null }
  }

  update(id: string, connector: ConnectorProperties, given: string | undefined): SimAttachment {
    const row = this.#state.attachment(id)
    this.checkConnector(row.volumeId, connector)
    const mountpoint = mountpointOf(connector, given)
    const volume = this.#state.inState(row.volumeId, CONNECTABLE, 'be connected')
    this.#checkConnect(row, connector)
    if (isAttached(row.status)) return row
    Object.assign(row, { status: 'attaching', connectorHost: connector.host })
    if (mountpoint !== undefined) row.mountpoint = mountpoint
    if (volume.status === 'reserved' || volume.status === 'in-use') volume.status = 'attaching'
    return row
  }

  #checkConnect(row: SimAttachment, connector: ConnectorProperties): void {
    const volume = this.#state.volume(row.volumeId)
    this.checkStorage(volume)
    const other = this.#state
      .attachmentsOf({ volumeId: row.volumeId })
      .find(each => each.id !== row.id && each.connectorHost !== null)
    if (other && !volume.multiattach) throw duplicateConnection(row.volumeId, other.id)
    mountpointOf(connector, undefined)
  }

  /** The same rules as those of the pool of files. */
  checkStorage(volume: SimVolume): void {
    const path = this.#path(volume.id)
    const file = this.#world.files.get(path)
    const details = { volume: volume.id, layer: 'attachment' } as const
    if (!file) {
      const message = `the file of volume ${volume.id} is not there: ${path}`
      throw new HoldfastError('unavailable', 'storage-absent', message, { details })
    }
    const own = file.inode === volume.inode || (volume.encryption !== undefined && file.luks?.uuid === volume.id)
    if (file.sizeBytes === simFileBytes(volume) && own) return
    throw new HoldfastError('unsafe', 'wrong-device', `${path} is not the file that was made for volume ${volume.id}`, {
      details,
    })
  }

  /** Before the file is removed: what lies at its path is nobody else's. */
  checkRemoval(volume: SimVolume): void {
    const path = this.#path(volume.id)
    const file = this.#world.files.get(path)
    if (!file || file.inode === volume.inode || (volume.encryption && file.luks?.uuid === volume.id)) return
    throw new HoldfastError('unsafe', 'wrong-device', `${path} is not the file that was made for volume ${volume.id}`, {
      details: { volume: volume.id, layer: 'attachment', left: 'nothing was deleted' },
    })
  }

  checkConnector(volumeId: string, connector: ConnectorProperties): void {
    checkConnector(connector)
    if (connector.host !== this.#world.hostName) throw wrongHost(volumeId, connector.host, this.#world.hostName)
  }

  complete(id: string): void {
    const row = this.#state.attachment(id)
    if (isAttached(row.status)) return
    if (row.status !== 'attaching') throw wrongAttachmentState(row, 'be completed', ['attaching'])
    Object.assign(row, { status: 'attached', attachedAt: this.#now() })
    const volume = this.#state.volume(row.volumeId)
    if (['reserved', 'attaching', 'in-use'].includes(volume.status)) volume.status = 'in-use'
  }

  delete(id: string): Change {
    const row = this.#state.attachments.get(id)
    if (!row) return 'already'
    this.#state.attachments.delete(id)
    this.#state.settle(row.volumeId)
    return 'made'
  }

  initialize(volumeId: string, connector: ConnectorProperties): ConnectionInfo {
    this.checkConnector(volumeId, connector)
    const volume = this.#state.inState(volumeId, ALLOWED.initializeConnection, 'be connected')
    this.checkStorage(volume)
    return simConnectionInfo(volume, this.#path(volumeId), { host: connector.host, mode: 'rw' })
  }

  attach(volumeId: string, request: { instanceId: string; mountpoint: string; mode: 'rw' | 'ro' }): void {
    const volume = this.#state.inState(volumeId, ALLOWED.attach, 'be attached')
    const [other] = this.#state.attachmentsOf({ volumeId })
    if (other && !volume.multiattach) throw duplicateConnection(volumeId, other.id)
    const { instanceId, mountpoint, mode: attachMode } = request
    const row = this.#row({ volumeId, instanceId, mountpoint })
    const facts = { status: 'attached', attachMode, attachedAt: this.#now(), connectorHost: this.#world.hostName }
    this.#state.attachments.set(row.id, Object.assign(row, facts))
    volume.status = 'in-use'
  }

  detach(volumeId: string, { attachmentId, instanceId }: { instanceId?: string; attachmentId?: string }): void {
    this.#state.inState(volumeId, ALLOWED.detach, 'be detached')
    const all = this.#state.attachmentsOf({ volumeId })
    const matching = all.filter(
      row => row.id === (attachmentId ?? row.id) && row.instanceId === (instanceId ?? row.instanceId),
    )
    if (matching.length === 0 && attachmentId !== undefined) throw attachmentNotFound(attachmentId, volumeId)
    if (matching.length === 0 && all.length > 0) {
      throw invalidVolume(volumeId, `volume ${volumeId} is not attached to instance ${instanceId}`)
    }
    if (matching.length > 1) throw invalidVolume(volumeId, `volume ${volumeId} has ${matching.length} attachments`)
    if (matching[0]) this.#state.attachments.delete(matching[0].id)
    this.#state.settle(volumeId)
  }

  /** @returns the volume that the instance keeps using */
  completeSwap(oldId: string, newId: string, failed: boolean): string {
    const old = this.#state.volume(oldId)
    const next = this.#state.volume(newId)
    if (oldId === newId) throw invalidInput(`volume ${oldId} cannot be swapped for itself`)
    if (failed) {
      if (old.status === 'detaching') old.status = 'in-use'
      return oldId
    }
    const attached = (volumeId: string) => this.#state.attachmentsOf({ volumeId }).filter(row => isAttached(row.status))
    const moving = attached(oldId)
    if (moving.length === 0 && attached(newId).length > 0) return newId
    this.#state.inState(oldId, ['in-use', 'detaching'], 'be swapped')
    this.#state.inState(newId, ['available', 'reserved', 'attaching', 'in-use'], 'take its place')
    this.#refuseOthers(next, moving)
    for (const row of moving) this.#move(row, newId)
    this.#state.settle(oldId)
    if (ATTACH_STATES.includes(next.status)) next.status = 'in-use'
    return newId
  }

  #refuseOthers(next: SimVolume, moving: readonly SimAttachment[]): void {
    const other = this.#state
      .attachmentsOf({ volumeId: next.id })
      .find(row => !moving.some(each => each.instanceId === row.instanceId))
    if (other && !next.multiattach) throw duplicateConnection(next.id, other.id)
  }

  #move(row: SimAttachment, newId: string): void {
    const { instanceId } = row
    const own = this.#state.attachmentsOf({ volumeId: newId }).find(each => each.instanceId === instanceId)
    this.#state.attachments.delete(row.id)
    const id = own?.id ?? this.#world.random.uuid()
    this.#state.attachments.set(id, { ...row, id, volumeId: newId, status: 'attached', attachedAt: this.#now() })
  }
}

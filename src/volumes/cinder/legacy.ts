import type { ConnectionInfo, ConnectorProperties } from '#src/core/connection-info.ts'
import { HoldfastError } from '#src/core/error.ts'
import { checkUuid } from '#src/core/names.ts'
import {
  attachVolume,
  beginDetaching,
  detachVolume,
  initializeConnection,
  migrateVolumeCompletion,
  reimageVolume,
  reserveVolume,
  rollDetaching,
  terminateConnection,
  unreserveVolume,
} from '#src/openstack/cinder/index.ts'
import { attachmentNotFound, duplicateConnection, invalidInput, invalidVolume, wrongVolumeState } from '../errors.ts'
import { checkConnector, checkMountpoint } from '../requests.ts'
import { ALLOWED } from '../rules.ts'
import type { Attachments } from './attachments.ts'
import { type Cinder, DONE, done, type Found, NOT_DONE } from './cinder.ts'
import { readConnection } from './connection.ts'
import { sentConnector } from './connectors.ts'
import { isGone, isUnsure } from './failures.ts'
import { imageFileUnsupported, type Volumes } from './volumes.ts'

/** The actions of a volume: the older generation of attaching, and what has no other place. */
export class Legacy {
  readonly #cinder: Cinder
  readonly #volumes: Volumes
  readonly #attachments: Pick<Attachments, 'all'>

  constructor(cinder: Cinder, volumes: Volumes, attachments: Pick<Attachments, 'all'>) {
    this.#cinder = cinder
    this.#volumes = volumes
    this.#attachments = attachments
  }

  /** Cinder does not note for whom: a volume that is `attaching` after a lost reply may be another's. */
  async reserve(volume: string, signal?: AbortSignal): Promise<void> {
    const look = async (): Promise<Found<void>> => {
      const { status, multiattach } = await this.#volumes.raw(volume, signal)
      if (status !== 'attaching' && !multiattach) return NOT_DONE
      return { is: 'unknown', look: `'holdfast volume show ${volume}': is it 'attaching', and for whom?` }
    }
    const rule = { verb: 'be reserved', allowed: ['available'] }
    const send = this.#send(reserveVolume, volume, [])
    await this.#volumes.change({ what: `reserve volume ${volume}`, volume, rule, send, look }, signal)
  }

  /** An attachment that is being connected keeps the volume `attaching`; Cinder itself would make it `in-use`. */
  async unreserve(volume: string, signal?: AbortSignal): Promise<void> {
    if ((await this.#volumes.raw(volume, signal)).status !== 'attaching') return
    const others = await this.#attachments.all({ volumeId: volume }, signal)
    if (others.some(({ status }) => status === 'attaching')) return
    const look = this.#doneUnless(volume, 'attaching', signal)
    const send = this.#send(unreserveVolume, volume, [])
    await this.#volumes.change({ what: `unreserve volume ${volume}`, volume, send, look }, signal)
  }

  async beginDetaching(volume: string, signal?: AbortSignal): Promise<void> {
    const look = this.#doneUnless(volume, 'in-use', signal)
    const rule = { verb: 'be detached', allowed: ALLOWED.beginDetaching }
    const send = this.#send(beginDetaching, volume, [])
    await this.#volumes.change({ what: `begin to detach volume ${volume}`, volume, rule, send, look }, signal)
  }

  async rollDetaching(volume: string, signal?: AbortSignal): Promise<void> {
    const look = this.#doneUnless(volume, 'detaching', signal)
    const send = this.#send(rollDetaching, volume, [])
    await this.#volumes.change({ what: `go on using volume ${volume}`, volume, send, look }, signal)
  }

  #doneUnless(volume: string, before: string, signal: AbortSignal | undefined): () => Promise<Found<void>> {
    return async () => ((await this.#volumes.raw(volume, signal)).status === before ? NOT_DONE : DONE)
  }

  #send<Args extends readonly unknown[]>(
    act: (client: Cinder['client'], id: string, args: Args, options?: object) => Promise<void>,
    volume: string,
    args: Args,
  ): (options: object) => Promise<void> {
    return options => act(this.#cinder.client, volume, args, options)
  }

  /**
   * Only of a volume that is on its way to a guest, which Cinder itself does not ask. An export that failed half-way, or of which
   * nothing can be used, is taken back.
   */
  async initializeConnection(
    volume: string,
    connector: ConnectorProperties,
    signal?: AbortSignal,
  ): Promise<ConnectionInfo> {
    const sent = sentConnector(this.#cinder.options, volume, connector, undefined)
    const before = await this.#volumes.raw(volume, signal)
    const { status, encrypted, multiattach, nameId } = before
    if (!ALLOWED.initializeConnection.some(each => each === status)) {
      throw wrongVolumeState(before, 'be connected', ALLOWED.initializeConnection)
    }
    const { hostName: host, rbdPools, sealer } = this.#cinder.options
    let raw: Readonly<Record<string, unknown>> = {}
    try {
      raw = await this.#initialize(volume, sent, signal)
      const facts = { volumeId: volume, host, encrypted, multiattach, nameId, rbdPools }
      return await readConnection(raw, facts, sealer, signal)
    } catch (error) {
      throw await this.#takenBack(volume, connector, error)
    }
  }

  async #initialize(volume: string, connector: ConnectorProperties, signal: AbortSignal | undefined) {
    return await this.#volumes.change(
      {
        what: `initialize the connection of volume ${volume}`,
        volume,
        waitsForBackend: true,
        send: options => initializeConnection(this.#cinder.client, volume, connector, options),
        // Asked again, it gives the same.
        look: async () => NOT_DONE,
      },
      signal,
    )
  }

  /** Nothing was exported if Cinder refused; else the first failure is kept, also if taking it back fails. */
  async #takenBack(volume: string, connector: ConnectorProperties, error: unknown): Promise<unknown> {
    if (!(error instanceof HoldfastError)) return error
    const exported = error.code.startsWith('connection-info-') || isUnsure(error.cause, true)
    if (!exported) return error
    try {
      await this.terminateConnection(volume, connector)
      return error
    } catch (undo) {
      const details = { ...error.details, left: `volume ${volume} may still be exported to host '${connector.host}'` }
      return new HoldfastError(error.kind, error.code, error.message, { cause: error.cause, details, also: [undo] })
    }
  }

  /** Also of a connector of another host: of one that is gone. Cinder unreserves the volume with it. */
  async terminateConnection(volume: string, connector: ConnectorProperties, signal?: AbortSignal): Promise<void> {
    checkConnector(connector)
    await this.#volumes.change(
      {
        what: `terminate the connection of volume ${volume}`,
        volume,
        waitsForBackend: true,
        retry500: true,
        send: this.#send(terminateConnection, volume, [connector]),
        look: async () => NOT_DONE,
      },
      signal,
    )
  }

  /** Cinder takes a volume in any state; here it must have been reserved, and be nobody else's. */
  async attach(
    volume: string,
    request: { readonly instanceId: string; readonly mountpoint: string; readonly mode: 'rw' | 'ro' },
    signal?: AbortSignal,
  ): Promise<void> {
    checkUuid('instance', request.instanceId)
    checkMountpoint(request.mountpoint)
    const before = await this.#volumes.raw(volume, signal)
    if (before.status !== 'attaching') throw wrongVolumeState(before, 'be attached', ALLOWED.attach)
    if (!before.multiattach) await this.#refuseBeside(volume, request.instanceId, signal)
    const isAttached = async () => {
      const { attachments } = await this.#volumes.raw(volume, signal)
      return attachments.some(({ serverId }) => serverId === request.instanceId)
    }
    await this.#volumes.change(
      {
        what: `attach volume ${volume} to instance ${request.instanceId}`,
        volume,
        rule: { verb: 'be attached', allowed: ALLOWED.attach },
        send: this.#send(attachVolume, volume, [request]),
        look: async () => ((await isAttached()) ? DONE : NOT_DONE),
      },
      signal,
    )
  }

  async #refuseBeside(volume: string, instanceId: string, signal: AbortSignal | undefined): Promise<void> {
    const all = await this.#attachments.all({ volumeId: volume }, signal)
    const other = all.find(each => each.instanceId !== instanceId)
    if (other) throw duplicateConnection(volume, other.id)
  }

  async detach(
    volume: string,
    request: { readonly instanceId?: string; readonly attachmentId?: string },
    signal?: AbortSignal,
  ): Promise<void> {
    const attachmentId = await this.#attachmentToDetach(volume, request, signal)
    if (attachmentId === undefined) return
    const isThere = async () => {
      const found = await this.#volumes.find(volume, signal)
      return found?.attachments.some(each => each.attachmentId === attachmentId) === true
    }
    const send = this.#send(detachVolume, volume, [attachmentId])
    await this.#volumes.change(
      {
        what: `detach volume ${volume} (attachment ${attachmentId})`,
        volume,
        retry500: true,
        send: async options => {
          await send(options).catch((error: unknown) => {
            if (!isGone(error)) throw error
          })
        },
        look: async () => ((await isThere()) ? NOT_DONE : DONE),
      },
      signal,
    )
  }

  /** Always named to Cinder, so that a late or repeated request cannot take away another's. Undefined: there is none. */
  async #attachmentToDetach(
    volume: string,
    { instanceId, attachmentId }: { readonly instanceId?: string; readonly attachmentId?: string },
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const { attachments } = await this.#volumes.raw(volume, signal)
    if (attachmentId !== undefined) {
      if (attachments.some(each => each.attachmentId === attachmentId)) return attachmentId
      throw attachmentNotFound(attachmentId, volume)
    }
    const own = attachments.filter(({ serverId }) => instanceId === undefined || serverId === instanceId)
    if (own.length === 1) return own[0]?.attachmentId
    if (attachments.length === 0) return undefined
    if (own.length === 0) throw invalidVolume(volume, `volume ${volume} is not attached to instance ${instanceId}`)
    const hint = 'name the attachment'
    throw invalidVolume(volume, `volume ${volume} has ${own.length} attachments; which is meant must be said`, hint)
  }

  /**
   * Of a swap, that is where Cinder itself migrates nothing, it would take volumes in any state, and leave the old one `detaching`
   * after an error.
   */
  async migrateVolumeCompletion(oldId: string, newId: string, error: boolean, signal?: AbortSignal): Promise<string> {
    const old = await this.#volumes.raw(oldId, signal)
    if (oldId === newId) throw invalidInput(`volume ${oldId} cannot be swapped for itself`)
    const next = await this.#volumes.raw(newId, signal)
    const isSwap = !old.migrationStatus && !next.migrationStatus
    if (isSwap && error) {
      await this.rollDetaching(oldId, signal)
      return oldId
    }
    if (isSwap && !SWAPPED.includes(old.status)) {
      if (old.attachments.length === 0 && next.attachments.length > 0) return newId
      throw wrongVolumeState(old, 'be swapped', SWAPPED)
    }
    return await this.#completeMigration(oldId, newId, error, signal)
  }

  async #completeMigration(oldId: string, newId: string, error: boolean, signal?: AbortSignal): Promise<string> {
    const look = `'holdfast volume show' of ${oldId} and ${newId}: which of the two is 'in-use'?`
    return await this.#volumes.change<string>(
      {
        what: `complete the migration of volume ${oldId} to ${newId}`,
        volume: oldId,
        waitsForBackend: true,
        send: options => migrateVolumeCompletion(this.#cinder.client, oldId, newId, error, options),
        look: async () => {
          const next = await this.#volumes.find(newId, signal)
          const old = await this.#volumes.find(oldId, signal)
          const isOver = !error && next?.status === 'in-use' && old?.status !== 'in-use'
          return isOver ? done(newId) : { is: 'unknown', look }
        },
      },
      signal,
    )
  }

  /** From 3.68 on. The end of it shows in the volume's status. */
  async reimage(
    volume: string,
    request: { readonly imageFile?: string; readonly imageId?: string; readonly reimageReserved: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    const { imageId, reimageReserved } = request
    if (imageId === undefined) throw imageFileUnsupported()
    checkUuid('image', imageId)
    if (!(await this.#cinder.has('3.68', signal))) throw tooOld()
    await this.#volumes.change(
      {
        what: `write image ${imageId} over volume ${volume}`,
        volume,
        rule: { verb: 'be written over', allowed: reimageReserved ? ALLOWED.reimageReserved : ALLOWED.reimage },
        microversion: '3.68',
        send: this.#send(reimageVolume, volume, [imageId, reimageReserved]),
        // Written again, it is the same.
        look: async () => ((await this.#volumes.raw(volume, signal)).status === 'downloading' ? DONE : NOT_DONE),
      },
      signal,
    )
  }
}

const SWAPPED = ['in-use', 'detaching']

const tooOld = () =>
  new HoldfastError('unsupported', 'microversion-unsupported', 'this Cinder cannot write an image over a volume', {
    details: { hint: 'it needs microversion 3.68 (release Yoga)' },
  })

import type { Change as Outcome } from '#src/core/change.ts'
import type { ConnectionInfo, ConnectorProperties } from '#src/core/connection-info.ts'
import { HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import {
  ATTACHMENTS_MICROVERSION,
  allAttachments,
  type CinderAttachment,
  type CinderVolume,
  completeAttachment,
  createAttachment,
  deleteAttachment,
  getAttachment,
  updateAttachment,
} from '#src/openstack/cinder/index.ts'
import { attachmentNotFound, wrongAttachmentState } from '../errors.ts'
import { checkAttachmentFilter, checkAttachmentRequest } from '../requests.ts'
import type { Attachment, AttachmentFilter } from '../volume-service.ts'
import { type Change, type Cinder, DONE, done, type Found, NOT_DONE } from './cinder.ts'
import { readConnection } from './connection.ts'
import { sentConnector } from './connectors.ts'
import { isGone } from './failures.ts'
import { attachmentView, summaryView } from './views.ts'
import type { Volumes } from './volumes.ts'

export interface AttachmentRequest {
  readonly volumeId: string
  readonly instanceId: string
  readonly connector?: ConnectorProperties
  readonly mountpoint?: string
}

/** The attachments resource, from 3.44 on. */
export class Attachments {
  readonly #cinder: Cinder
  readonly #volumes: Volumes

  constructor(cinder: Cinder, volumes: Volumes) {
    this.#cinder = cinder
    this.#volumes = volumes
  }

  /**
   * Always reserved first and connected then, so that each half can be found again if its reply is lost; what cannot be
   * connected is given back.
   */
  async create(request: AttachmentRequest, signal?: AbortSignal): Promise<Attachment> {
    const { volumeId, instanceId, connector, mountpoint } = request
    checkAttachmentRequest(instanceId, mountpoint)
    if (connector) sentConnector(this.#cinder.options, volumeId, connector, mountpoint)
    const reserved = await this.#reserve(volumeId, instanceId, signal)
    if (!connector) return attachmentView(reserved, undefined)
    try {
      return await this.update(reserved.id, connector, mountpoint, signal)
    } catch (error) {
      throw await this.#givenBack(reserved, error)
    }
  }

  async #reserve(volumeId: string, instanceId: string, signal: AbortSignal | undefined): Promise<CinderAttachment> {
    return await this.#volumes.change<CinderAttachment>(
      {
        what: `attach volume ${volumeId} to instance ${instanceId}`,
        volume: volumeId,
        rule: { verb: 'be attached', allowed: ['available'] },
        waitsForBackend: true,
        looks: 3,
        send: options => createAttachment(this.#cinder.client, { volumeId, instanceId }, options),
        look: () => this.#findReserved(volumeId, instanceId, signal),
      },
      signal,
    )
  }

  /** A reservation of this volume for this instance is as good as the one that was asked for; more than one is nobody's. */
  async #findReserved(
    volumeId: string,
    instanceId: string,
    signal: AbortSignal | undefined,
  ): Promise<Found<CinderAttachment>> {
    const all = await this.#summaries({ volume_id: volumeId, instance_id: instanceId }, signal)
    const [own, another] = all.filter(each => each.status === 'reserved' && each.instanceId === instanceId)
    if (another) return { is: 'unknown', look: `'holdfast attachment list' shows those of volume ${volumeId}` }
    return own ? done({ ...own, attachedAt: null, attachMode: null, connectionInfo: undefined }) : NOT_DONE
  }

  /** The first failure is kept, also if giving it back fails. */
  async #givenBack({ id, volumeId }: CinderAttachment, error: unknown): Promise<unknown> {
    try {
      await this.delete(id)
      return error
    } catch (undo) {
      if (!isHoldfastError(error)) return error
      const details = { ...error.details, left: `attachment ${id}; volume ${volumeId} stays reserved` }
      return new HoldfastError(error.kind, error.code, error.message, { cause: error.cause, details, also: [undo] })
    }
  }

  async get(id: string, signal?: AbortSignal): Promise<Attachment> {
    const raw = await this.raw(id, signal)
    return attachmentView(raw, raw.connectionInfo && (await this.#usable(raw, signal)))
  }

  async raw(id: string, signal?: AbortSignal): Promise<CinderAttachment> {
    if (!isUuid(id)) throw attachmentNotFound(id)
    const asked = { what: `look up attachment ${id}`, notFound: () => attachmentNotFound(id) }
    return await this.#cinder.query(asked, () =>
      getAttachment(this.#cinder.client, id, this.#cinder.queryOptions(signal)),
    )
  }

  /** Undefined for connection info that cannot be used here: whoever needs it asks for it and is told. */
  async #usable(raw: CinderAttachment, signal: AbortSignal | undefined): Promise<ConnectionInfo | undefined> {
    const volume = await this.#volumes.find(raw.volumeId, signal)
    const host = volume?.attachments.find(({ attachmentId }) => attachmentId === raw.id)?.hostName
    if (!volume || (host && host !== this.#cinder.options.hostName)) return undefined
    try {
      return await this.#connection(raw, volume, signal)
    } catch (error) {
      if (isHoldfastError(error) && error.code.startsWith('connection-info-')) return undefined
      throw error
    }
  }

  async #connection(
    raw: CinderAttachment,
    volume: CinderVolume,
    signal: AbortSignal | undefined,
  ): Promise<ConnectionInfo> {
    const { hostName, rbdPools, sealer } = this.#cinder.options
    const { encrypted, multiattach, nameId } = volume
    const facts = {
      volumeId: volume.id,
      attachmentId: raw.id,
      host: hostName,
      encrypted,
      multiattach,
      nameId,
      rbdPools,
    }
    return await readConnection(raw.connectionInfo ?? {}, facts, sealer, signal)
  }

  async all(filter: AttachmentFilter, signal?: AbortSignal): Promise<readonly Attachment[]> {
    checkAttachmentFilter(filter)
    const { volumeId, instanceId } = filter
    if ([volumeId, instanceId].some(id => id !== undefined && !isUuid(id))) return []
    if (!(await this.#cinder.has(ATTACHMENTS_MICROVERSION, signal))) return await this.#fromVolumes(filter, signal)
    const found = await this.#summaries({ volume_id: volumeId, instance_id: instanceId }, signal)
    return found
      .filter(each => volumeId === undefined || each.volumeId === volumeId)
      .filter(each => instanceId === undefined || each.instanceId === instanceId)
      .map(summaryView)
  }

  async #summaries(query: Readonly<Record<string, string | undefined>>, signal: AbortSignal | undefined) {
    const options = { ...this.#cinder.queryOptions(signal), query: { ...query, sort: 'created_at:asc' } }
    return await this.#cinder.query({ what: 'list attachments' }, () => allAttachments(this.#cinder.client, options))
  }

  /** Of a service without the resource: what volumes show of it. */
  async #fromVolumes({ volumeId, instanceId }: AttachmentFilter, signal?: AbortSignal): Promise<readonly Attachment[]> {
    const found: Attachment[] = []
    const volumes = volumeId === undefined ? this.#volumes.list({}, signal) : await this.#oneVolume(volumeId, signal)
    for await (const { id, attachments } of volumes) {
      for (const { attachmentId, serverId } of attachments) {
        if (instanceId !== undefined && serverId !== instanceId) continue
        const view = { id: attachmentId, volumeId: id, instanceId: serverId === '' ? null : serverId }
        found.push({ ...view, status: 'attached', attachMode: 'rw', attachedAt: null })
      }
    }
    return found
  }

  async #oneVolume(id: string, signal: AbortSignal | undefined) {
    const volume = await this.#volumes.find(id, signal)
    return volume ? [await this.#volumes.get(id, signal)] : []
  }

  /**
   * Of one that is attached already it is made attached again, for Cinder goes back to `attaching` at every update. The reply
   * shows the status from before.
   */
  async update(
    id: string,
    connector: ConnectorProperties,
    mountpoint: string | undefined,
    signal?: AbortSignal,
  ): Promise<Attachment> {
    if (!isUuid(id)) throw attachmentNotFound(id)
    const sent = sentConnector(this.#cinder.options, `of attachment ${id}`, connector, mountpoint)
    const before = await this.raw(id, signal)
    const looked = this.#volumeOf(before, signal)
    // Whatever becomes of the look, nothing goes on while the connection is being made.
    looked.catch(() => {})
    const raw = await this.#connect(before, sent, signal)
    const attached = before.status === 'attached'
    if (attached) await this.#complete(raw, signal)
    const info = await this.#connection(raw, await looked, signal)
    const { attachedAt } = before
    const attachMode = info.data.access_mode
    return attachmentView({ ...raw, status: attached ? 'attached' : 'attaching', attachMode, attachedAt }, info)
  }

  #volumeOf = (attachment: CinderAttachment, signal: AbortSignal | undefined): Promise<CinderVolume> =>
    this.#volumes.raw(attachment.volumeId, signal)

  async #connect(before: CinderAttachment, connector: object, signal: AbortSignal | undefined) {
    const { id, volumeId } = before
    const send: Change<CinderAttachment>['send'] = options =>
      updateAttachment(this.#cinder.client, id, connector, options)
    try {
      return await this.#cinder.change<CinderAttachment>(
        {
          what: `connect attachment ${id} of volume ${volumeId}`,
          volume: volumeId,
          notFound: () => attachmentNotFound(id, volumeId),
          waitsForBackend: true,
          retry500: true,
          send,
          // Asked again, it gives the same: there is nothing to look for.
          look: async () => NOT_DONE,
        },
        signal,
      )
    } catch (error) {
      throw await this.#explained(error, before, signal)
    }
  }

  /** Which other attachment is in the way; and what is left of a failure. */
  async #explained(error: unknown, { id, volumeId }: CinderAttachment, signal?: AbortSignal): Promise<unknown> {
    if (!isHoldfastError(error)) return error
    const left = { left: `attachment ${id} stays, volume ${volumeId} reserved by it` }
    const failed = error.within(left)
    if (error.code !== 'conflict') return failed
    const others = (await this.#summaries({ volume_id: volumeId }, signal)).filter(each => each.id !== id)
    const which = others.map(each => `${each.id} ('${each.status}')`).join(', ')
    const message = which === '' ? error.message : `${error.message}: the volume has attachment ${which} as well`
    return new HoldfastError('conflict', 'conflict', message, { cause: error.cause, details: failed.details })
  }

  /** Not from `reserved`, which Cinder itself would let pass: nothing was connected yet. */
  async complete(id: string, signal?: AbortSignal): Promise<void> {
    const attachment = await this.raw(id, signal)
    if (attachment.status === 'attached' || attachment.status === 'detaching') return
    if (attachment.status !== 'attaching') throw wrongAttachmentState(attachment, 'be completed', ['attaching'])
    await this.#complete(attachment, signal)
  }

  async #complete({ id, volumeId }: CinderAttachment, signal: AbortSignal | undefined): Promise<void> {
    await this.#cinder.change<void>(
      {
        what: `complete attachment ${id} of volume ${volumeId}`,
        volume: volumeId,
        notFound: () => attachmentNotFound(id, volumeId),
        send: options => completeAttachment(this.#cinder.client, id, options),
        look: async () => ((await this.raw(id, signal)).status === 'attached' ? DONE : NOT_DONE),
      },
      signal,
    )
  }

  /** Cinder's 404 is success. */
  async delete(id: string, signal?: AbortSignal): Promise<Outcome> {
    if (!isUuid(id)) return 'already'
    return await this.#cinder.change<Outcome>(
      {
        what: `delete attachment ${id}`,
        waitsForBackend: true,
        retry500: true,
        send: async options => {
          try {
            await deleteAttachment(this.#cinder.client, id, options)
            return 'made'
          } catch (error) {
            if (isGone(error)) return 'already'
            throw error
          }
        },
        look: async () => ((await this.#isThere(id, signal)) ? NOT_DONE : done('made')),
      },
      signal,
    )
  }

  async #isThere(id: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await this.raw(id, signal)
      return true
    } catch (error) {
      if (hasCode(error, 'attachment-not-found')) return false
      throw error
    }
  }
}

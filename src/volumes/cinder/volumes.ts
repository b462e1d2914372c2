import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import {
  allSnapshots,
  allVolumes,
  type CinderVolume,
  createVolume,
  deleteVolume,
  extendVolume,
  getVolume,
  volumePages,
} from '#src/openstack/cinder/index.ts'
import { snapshotNotFound, volumeNotFound, volumeTypeNotFound } from '../errors.ts'
import { checkCreateVolume } from '../requests.ts'
import { ALLOWED, checkSize, invalidSize } from '../rules.ts'
import type { CreateVolume, Volume, VolumeFilter } from '../volume-service.ts'
import { type Change, type Cinder, DONE, done, type Found, NOT_DONE } from './cinder.ts'
import { failureOf } from './failures.ts'
import type { Messages } from './messages.ts'
import { LARGEST_SIZE, REQUEST_MARK } from './settings.ts'
import { type StateRule, wrongState } from './states.ts'
import type { Types } from './types.ts'
import { volumeView } from './views.ts'

/** Fields that came with microversions: from 3.48 `shared_targets`, which from 3.69 on may be null. */
const VIEW_MICROVERSIONS = ['3.69', '3.48']

const DELETABLE = ['available', 'error', 'error_restoring', 'error_extending']

/** In the order of creation, of one second by id. */
const SORT = 'created_at:asc'

/** Volumes at Cinder: looked up, made, grown, deleted. */
export class Volumes {
  readonly #cinder: Cinder
  readonly #types: Types
  readonly #messages: Messages

  constructor(cinder: Cinder, types: Types, messages: Messages) {
    this.#cinder = cinder
    this.#types = types
    this.#messages = messages
  }

  async get(id: string, signal?: AbortSignal): Promise<Volume> {
    return volumeView(await this.raw(id, signal))
  }

  /** As Cinder shows it. What is no UUID is no volume, and is not asked for. */
  async raw(id: string, signal?: AbortSignal): Promise<CinderVolume> {
    if (!isUuid(id)) throw volumeNotFound(id)
    const microversion = await this.#cinder.newestOf(VIEW_MICROVERSIONS, signal)
    const options = { ...this.#cinder.queryOptions(signal), ...(microversion !== undefined && { microversion }) }
    const asked = { what: `look up volume ${id}`, volume: id, notFound: () => volumeNotFound(id) }
    return await this.#cinder.query(asked, () => getVolume(this.#cinder.client, id, options))
  }

  /** Undefined if there is none. */
  async find(id: string, signal?: AbortSignal): Promise<CinderVolume | undefined> {
    try {
      return await this.raw(id, signal)
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'volume-not-found') return undefined
      throw error
    }
  }

  async *list(filter?: VolumeFilter, signal?: AbortSignal): AsyncGenerator<Volume, void, undefined> {
    for await (const page of this.#pages(filter, signal)) {
      for (const volume of page) yield volumeView(volume)
    }
  }

  async all(filter: VolumeFilter | undefined, signal?: AbortSignal): Promise<readonly Volume[]> {
    const volumes: Volume[] = []
    for await (const page of this.#pages(filter, signal)) {
      for (const volume of page) volumes.push(volumeView(volume))
    }
    return volumes
  }

  async *#pages(filter: VolumeFilter = {}, signal?: AbortSignal): AsyncGenerator<readonly CinderVolume[]> {
    const { name, status } = filter
    const microversion = await this.#cinder.newestOf(VIEW_MICROVERSIONS, signal)
    const options = {
      ...this.#cinder.queryOptions(signal),
      query: { name, status, sort: SORT },
      ...(microversion !== undefined && { microversion }),
    }
    try {
      yield* volumePages(this.#cinder.client, options)
    } catch (error) {
      throw failureOf(error, { what: 'list volumes' })
    }
  }

  async create(request: CreateVolume, signal?: AbortSignal): Promise<Volume> {
    this.#check(request)
    const volumeType = await this.#types.forNewVolume(request, signal)
    const mark = this.#cinder.random.uuid()
    const { availabilityZone = this.#cinder.options.availabilityZone } = request
    const body = {
      ...request,
      size: request.size ?? null,
      volumeType,
      availabilityZone,
      metadata: { ...request.metadata, [REQUEST_MARK]: mark },
    }
    const what = `create ${request.name === undefined ? 'a volume' : `volume '${request.name}'`}`
    try {
      const made = await this.#cinder.change<CinderVolume>(
        {
          what,
          send: options => createVolume(this.#cinder.client, body, options),
          look: () => this.#findMarked(mark, signal),
          looks: 3,
        },
        signal,
      )
      return volumeView(made)
    } catch (error) {
      throw await this.#creationFailure(error, request, signal)
    }
  }

  #check(request: CreateVolume): void {
    checkCreateVolume(request, LARGEST_SIZE)
    const { size, snapshotId, sourceVolumeId, imageFile, imageId, volumeType } = request
    if (imageFile !== undefined) throw imageFileUnsupported()
    if (snapshotId !== undefined && !isUuid(snapshotId)) throw snapshotNotFound(snapshotId)
    if (sourceVolumeId !== undefined && !isUuid(sourceVolumeId)) throw volumeNotFound(sourceVolumeId)
    // An empty one would be taken for none.
    if (volumeType !== undefined && !/^[^\p{Cc}]{1,255}$/u.test(volumeType)) throw volumeTypeNotFound(volumeType)
    if (size === undefined && snapshotId === undefined && sourceVolumeId === undefined) {
      throw invalidSize(`a size is needed, in GiB${imageId === undefined ? '' : ": Cinder does not take the image's"}`)
    }
  }

  async #findMarked(mark: string, signal: AbortSignal | undefined): Promise<Found<CinderVolume>> {
    const query = { metadata: `{'${REQUEST_MARK}': '${mark}'}` }
    const found = await allVolumes(this.#cinder.client, { ...this.#cinder.queryOptions(signal), query })
    const own = found.find(({ metadata }) => metadata[REQUEST_MARK] === mark)
    return own ? done(own) : NOT_DONE
  }

  /** Cinder says in words what was not found, or does not fit. */
  async #creationFailure(error: unknown, request: CreateVolume, signal: AbortSignal | undefined): Promise<unknown> {
    if (!(error instanceof HoldfastError)) return error
    const { snapshotId, sourceVolumeId, volumeType } = request
    if (error.code === 'not-found') {
      const { message } = error
      if (/volume type/i.test(message) && volumeType !== undefined)
        return because(volumeTypeNotFound(volumeType), error)
      if (/snapshot/i.test(message) && snapshotId !== undefined) return because(snapshotNotFound(snapshotId), error)
      if (sourceVolumeId !== undefined) return because(volumeNotFound(sourceVolumeId), error)
    }
    if (/size|fit/i.test(error.message) && error.code === 'invalid-input') return recoded(error, 'invalid-size')
    if (error.code !== 'invalid-volume' || sourceVolumeId === undefined) return error
    const rule = { verb: 'be cloned', allowed: ALLOWED.clone }
    return await this.explain(error, sourceVolumeId, rule, signal)
  }

  /** Only a lost reply makes it a success that the volume is not there any more. */
  async delete(id: string, signal?: AbortSignal): Promise<void> {
    if (!isUuid(id)) throw volumeNotFound(id)
    await this.change(
      {
        what: `delete volume ${id}`,
        volume: id,
        rule: { verb: 'be deleted', allowed: DELETABLE, but: () => this.#snapshotsOf(id, signal) },
        send: options => deleteVolume(this.#cinder.client, id, options),
        look: async () => {
          const volume = await this.find(id, signal)
          return !volume || volume.status === 'deleting' || volume.status === 'error_deleting' ? DONE : NOT_DONE
        },
      },
      signal,
    )
  }

  /** What keeps a volume from being deleted, beside its state. */
  async #snapshotsOf(id: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    const options = { ...this.#cinder.queryOptions(signal), query: { volume_id: id } }
    const all = await this.#cinder.query({ what: `look up the snapshots of volume ${id}`, volume: id }, () =>
      allSnapshots(this.#cinder.client, options),
    )
    return all.length === 0 ? undefined : `it has snapshot ${all.map(snapshot => snapshot.id).join(', ')}`
  }

  async extend(id: string, size: number, signal?: AbortSignal): Promise<Volume> {
    checkSize(size, LARGEST_SIZE)
    const before = await this.raw(id, signal)
    if (size <= before.size) {
      const message = `volume ${id} has ${before.size} GiB; it can only grow, not become ${size} GiB`
      throw invalidSize(message, id)
    }
    await this.change(
      {
        what: `extend volume ${id} to ${size} GiB`,
        volume: id,
        rule: { verb: 'be extended', allowed: ALLOWED.extend },
        send: options => extendVolume(this.#cinder.client, id, [size], options),
        look: async () => {
          const now = await this.raw(id, signal)
          return now.size === size || /extending/.test(now.status) ? DONE : NOT_DONE
        },
      },
      signal,
    )
    return await this.get(id, signal)
  }

  /** A request about one volume: 404 means that there is none, a refusal for its state is explained by what that is. */
  async change<T>(change: VolumeChange<T>, signal: AbortSignal | undefined): Promise<T> {
    const { volume, rule } = change
    if (!isUuid(volume)) throw volumeNotFound(volume)
    try {
      return await this.#cinder.change({ notFound: () => volumeNotFound(volume), ...change }, signal)
    } catch (error) {
      throw rule ? await this.explain(error, volume, rule, signal) : error
    }
  }

  /** A refusal in words (400, `Invalid volume`) as what it is: the volume's state, those that allow it, and Cinder's words. */
  async explain(error: unknown, id: string, rule: StateRule, signal: AbortSignal | undefined): Promise<unknown> {
    if (!(error instanceof HoldfastError) || error.code !== 'invalid-volume') return error
    const volume = await this.find(id, signal)
    if (!volume) return because(volumeNotFound(id), error)
    const messages = volume.status.startsWith('error') ? await this.#messages.of(id, signal) : []
    const isAllowed = rule.allowed.includes(volume.status)
    return wrongState(volume, rule, error, [...messages, (isAllowed && (await rule.but?.())) || ''])
  }
}

export interface VolumeChange<T> extends Change<T> {
  readonly volume: string
  /** Which states allow it. */
  readonly rule?: StateRule | undefined
}

/** The error, with the request and the words of the one that it follows from. */
const because = (error: HoldfastError, cause: HoldfastError): HoldfastError =>
  new HoldfastError(error.kind, error.code, error.message, {
    cause: cause.cause ?? cause,
    details: { ...cause.details, ...error.details },
  })

const recoded = (error: HoldfastError, code: string): HoldfastError =>
  new HoldfastError(error.kind, code, error.message, { cause: error.cause, details: error.details })

export const imageFileUnsupported = (): HoldfastError =>
  new HoldfastError(
    'unsupported',
    'image-file-unsupported',
    'Cinder takes images from the image service, not from files',
    {
      details: { hint: "upload it ('openstack image create --file …') and give the image's id" },
    },
  )

import type { Change } from '#src/core/change.ts'
import type { GuestSource } from '#src/core/disk.ts'
import { HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import { luksClose, luksOpen } from '#src/host/cryptsetup.ts'
import { lowerDevice, type MappingFacts, Mappings, removeUnfinished } from '#src/host/device-mapper.ts'
import { describeHolders, devicesOver, Holders } from '#src/host/holders.ts'
import type { Host } from '#src/host/host.ts'
import type { LuksHeader } from '#src/host/luks-header.ts'
import type { DerivationCost, Encryptor, LockRequest, Unlocked, UnlockRequest, ViewFacts } from '../encryptor.ts'
import { checkLuksVolume, checkPassphrase } from '../luks-volume.ts'
import {
  checkOurs,
  checkReleased,
  faultOf,
  isOfInterest,
  isOurUuid,
  mappingName,
  mappingPath,
  volumeOfMapping,
  withHolders,
} from './mapping.ts'

export interface LuksEncryptorOptions {
  /**
   * Let the guest's discards through to the storage. It then shows which blocks are in use, and gets unused ones back.
   * False unless told.
   */
  readonly allowDiscards?: boolean
}

/** One close takes cryptsetup up to 5 s of its own retries. */
const CLOSE_TRIES = 2

/**
 * LUKS1 and LUKS2 by the kernel's dm-crypt: the mapping `crypt-<volume id>`. A mapping is trusted for what the kernel
 * says of it, never for its name.
 */
export class LuksEncryptor implements Encryptor {
  readonly mechanism = 'dm-crypt'
  readonly needsBlock = true
  readonly #host: Host
  readonly #mappings: Mappings
  readonly #options: LuksEncryptorOptions

  constructor(host: Host, options: LuksEncryptorOptions = {}) {
    this.#host = host
    this.#mappings = new Mappings(host)
    this.#options = options
  }

  async check(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    await checkLuksVolume(this.#host, request)
    await checkPassphrase(this.#host, request, passphrase, signal)
    const standing = await this.#mappings.find(mappingName(request.volumeId), signal)
    if (standing) checkOurs(request, standing)
  }

  async unlock(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<Unlocked> {
    signal?.throwIfAborted()
    const header = await checkLuksVolume(this.#host, request)
    const device = await this.#deviceOf(request)
    const standing = await this.#mappings.find(mappingName(request.volumeId), signal)
    if (standing) {
      const fault = await faultOf(this.#host, request.volumeId, standing, header, device)
      if (fault === undefined) return { change: 'already', view: view(request, standing, header) }
      await this.#removeStale(request, standing, fault, signal)
    }
    await this.#open(request, device, passphrase, signal)
    return { change: 'made', view: await this.#verified(request, header, device, signal) }
  }

  async #deviceOf({ source, volumeId }: UnlockRequest): Promise<string> {
    const facts = await this.#host.files.stat(source.path)
    if (facts?.kind === 'block') return facts.device
    const message = `volume ${volumeId} cannot be opened by dm-crypt: ${source.path} is not a block device`
    throw new HoldfastError('unavailable', 'storage-absent', message, {
      details: { volume: volumeId, layer: 'encryption' },
    })
  }

  async #removeStale(
    request: UnlockRequest,
    mapping: MappingFacts,
    fault: string,
    signal?: AbortSignal,
  ): Promise<void> {
    checkOurs(request, mapping)
    if (mapping.targets.length === 0 && (await this.#removeUnfinished(request, signal))) return
    try {
      await luksClose(this.#host, mapping.name, signal)
    } catch (error) {
      throw await withHolders(this.#host, request.volumeId, error, `, though it ${fault}`)
    }
  }

  /** What an open that was killed left; only what has no table. */
  async #removeUnfinished(volume: LockRequest, signal?: AbortSignal): Promise<boolean> {
    return await removeUnfinished(this.#host, mappingName(volume.volumeId), uuid => isOurUuid(volume, uuid), signal)
  }

  /** One that is in the way may be unfinished, and not show until then. */
  async #open(
    request: UnlockRequest,
    device: string,
    passphrase: Secret,
    signal?: AbortSignal,
    again = true,
  ): Promise<void> {
    const { allowDiscards = false } = this.#options
    const { source, volumeId } = request
    try {
      await luksOpen(this.#host, source.path, mappingName(volumeId), passphrase, { allowDiscards, signal })
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      if (again && error.code === 'busy' && (await this.#removeUnfinished(request, signal))) {
        return await this.#open(request, device, passphrase, signal, false)
      }
      if (error.code !== 'busy') throw error.within({ volume: volumeId })
      const held = describeHolders(await devicesOver(this.#host, device))
      const message = `volume ${volumeId} cannot be opened: ${source.path} is in use, ${held}`
      throw new HoldfastError('busy', 'busy', message, {
        cause: error,
        details: { volume: volumeId, layer: 'encryption' },
      })
    }
  }

  /** What was just opened is looked at like anything else; if it is not right it is closed again. */
  async #verified(
    request: UnlockRequest,
    header: LuksHeader,
    device: string,
    signal?: AbortSignal,
  ): Promise<GuestSource> {
    const { volumeId } = request
    const mapping = await this.#mappings.find(mappingName(volumeId), signal)
    const fault = mapping ? await faultOf(this.#host, volumeId, mapping, header, device) : 'is gone again'
    if (mapping && fault === undefined) return view(request, mapping, header)
    const error = new HoldfastError('unsafe', 'wrong-device', `${mappingPath(volumeId)}, just opened, ${fault}`, {
      details: { volume: volumeId, layer: 'encryption' },
    })
    await luksClose(this.#host, mappingName(volumeId), signal).catch(also => {
      throw new HoldfastError(error.kind, error.code, error.message, { details: error.details, also: [also] })
    })
    throw error
  }

  async lock(volume: LockRequest, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    const { volumeId } = volume
    const mapping = await this.#mappings.find(mappingName(volumeId), signal)
    if (mapping) checkOurs(volume, mapping)
    if (!mapping?.targets.length && (await this.#removeUnfinished(volume, signal))) return 'made'
    if (!mapping) return 'already'
    const change = await this.#close(volumeId, signal)
    await checkReleased(this.#host, volumeId, mapping)
    return change
  }

  async #close(volumeId: string, signal?: AbortSignal): Promise<Change> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await luksClose(this.#host, mappingName(volumeId), signal)
      } catch (error) {
        if (attempt === CLOSE_TRIES || !hasCode(error, 'busy')) throw await withHolders(this.#host, volumeId, error)
      }
    }
  }

  async cost(request: UnlockRequest, signal?: AbortSignal): Promise<DerivationCost> {
    signal?.throwIfAborted()
    return (await checkLuksVolume(this.#host, request)).derivation
  }

  async list(signal?: AbortSignal): Promise<readonly ViewFacts[]> {
    const mappings = (await this.#mappings.list(signal)).filter(isOfInterest)
    const holders = new Holders(this.#host)
    const views = mappings.map(async mapping => ({
      name: mapping.name,
      ...volumeOfMapping(mapping),
      path: `/dev/mapper/${mapping.name}`,
      over: await lowerDevice(this.#host, mapping),
      holders: await holders.ofDevice(mapping.device),
    }))
    return (await Promise.all(views)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  async probe(request: UnlockRequest, signal?: AbortSignal): Promise<GuestSource | undefined> {
    signal?.throwIfAborted()
    const mapping = await this.#mappings.find(mappingName(request.volumeId), signal)
    if (!mapping) return undefined
    const header = await this.#headerOrNothing(request)
    const facts = await this.#host.files.stat(request.source.path)
    if (!header || facts?.kind !== 'block') return undefined
    const fault = await faultOf(this.#host, request.volumeId, mapping, header, facts.device)
    return fault === undefined ? view(request, mapping, header) : undefined
  }

  /** The port asks for undefined where anything is not as it should be; `unlock` and `check` say what. */
  async #headerOrNothing(request: UnlockRequest): Promise<LuksHeader | undefined> {
    try {
      return await checkLuksVolume(this.#host, request)
    } catch (error) {
      if (isHoldfastError(error) && ['corrupt', 'unsafe', 'unsupported'].includes(error.kind)) return undefined
      throw error
    }
  }
}

const view = ({ volumeId }: UnlockRequest, mapping: MappingFacts, header: LuksHeader): GuestSource => ({
  mechanism: 'dm-crypt',
  kind: 'block',
  path: mappingPath(volumeId),
  sizeBytes: mapping.targets.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  luksUuid: header.uuid,
})

import { mapSettled } from '#src/core/concurrency.ts'
import { HoldfastError, isHoldfastError } from '#src/core/error.ts'
import {
  allVolumeTypes,
  type CinderTypeEncryption,
  type CinderVolumeType,
  createTypeEncryption,
  createVolumeType,
  deleteVolumeType,
  getTypeEncryption,
} from '#src/openstack/cinder/index.ts'
import { volumeTypeNotFound } from '../errors.ts'
import { checkVolumeType } from '../requests.ts'
import type { CreateVolume, CreateVolumeType, VolumeType, VolumeTypeEncryption } from '../volume-service.ts'
import { type Cinder, DONE, done, NOT_DONE } from './cinder.ts'
import { providerOf } from './encryption.ts'

/** Questions that are asked at the same time at most. */
const AT_ONCE = 8

/** As Cinder writes that a type's volumes may be attached more than once. */
const IS_TRUE = '<is> True'

/** Volume types at Cinder. Making and deleting them is for administrators, and so is seeing their encryption. */
export class Types {
  readonly #cinder: Cinder

  constructor(cinder: Cinder) {
    this.#cinder = cinder
  }

  async all(signal?: AbortSignal): Promise<readonly VolumeType[]> {
    const found = await this.#raw(signal)
    const encryptions = await this.#encryptions(found, signal)
    const types = found.map((type, index) => typeView(type, encryptions[index]))
    return types.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async #raw(signal: AbortSignal | undefined): Promise<readonly CinderVolumeType[]> {
    const options = this.#cinder.queryOptions(signal)
    return await this.#cinder.query({ what: 'list volume types' }, () => allVolumeTypes(this.#cinder.client, options))
  }

  /** Of each, in order; none once it shows that these credentials may not see them. */
  async #encryptions(
    types: readonly CinderVolumeType[],
    signal: AbortSignal | undefined,
  ): Promise<readonly (CinderTypeEncryption | undefined)[]> {
    const [first, ...rest] = types
    if (!first) return []
    const ask = ({ id, name }: CinderVolumeType) =>
      this.#cinder.query({ what: `look up the encryption of volume type '${name}'` }, () =>
        getTypeEncryption(this.#cinder.client, id, this.#cinder.queryOptions(signal)),
      )
    try {
      const found = [await ask(first)]
      for (const outcome of await mapSettled(rest, AT_ONCE, ask)) {
        if (outcome.status === 'rejected') throw outcome.reason
        found.push(outcome.value)
      }
      return found
    } catch (error) {
      if (isHoldfastError(error) && error.code === 'forbidden') return []
      throw error
    }
  }

  /** The type that a new volume is to have; whether it may be attached more than once is its type's to say. */
  async forNewVolume({ volumeType, multiattach }: CreateVolume, signal?: AbortSignal): Promise<string | undefined> {
    if (!multiattach) return volumeType
    const types = await this.#raw(signal)
    const chosen = types.find(({ id, name }) => id === volumeType || name === volumeType)
    if (volumeType !== undefined && !chosen) throw volumeTypeNotFound(volumeType)
    if (chosen && isMultiattach(chosen)) return chosen.id
    const able = types.filter(isMultiattach).map(({ name }) => `'${name}'`)
    throw new HoldfastError(
      'unsupported',
      'multiattach-unsupported',
      chosen
        ? `volume type '${chosen.name}' does not let its volumes be attached more than once`
        : 'Cinder lets a volume be attached more than once by its type alone, and no type was given',
      { details: { hint: able.length > 0 ? `use ${able.join(' or ')}` : `no type has multiattach='${IS_TRUE}'` } },
    )
  }

  async create(request: CreateVolumeType, signal?: AbortSignal): Promise<VolumeType> {
    const { name, multiattach, encryption } = checkVolumeType(withKeySize(request))
    const extraSpecs = multiattach ? { multiattach: IS_TRUE } : {}
    const type = await this.#cinder.change<CinderVolumeType>(
      {
        what: `create volume type '${name}'`,
        send: options => createVolumeType(this.#cinder.client, { name, extraSpecs }, options),
        look: async () => {
          const found = (await this.#raw(signal)).find(each => each.name === name)
          return found ? done(found) : NOT_DONE
        },
      },
      signal,
    )
    if (encryption) await this.#encrypt(type, encryption, signal)
    return { id: type.id, name: type.name, multiattach, ...(encryption && { encryption }) }
  }

  /** A type that cannot be encrypted is taken back: its volumes would be written in the clear. */
  async #encrypt(type: CinderVolumeType, encryption: VolumeTypeEncryption, signal: AbortSignal | undefined) {
    const { client } = this.#cinder
    try {
      await this.#cinder.change<void>(
        {
          what: `make volume type '${type.name}' encrypted`,
          send: options => createTypeEncryption(client, type.id, encryption, options),
          look: async () =>
            (await getTypeEncryption(client, type.id, this.#cinder.queryOptions(signal))) ? DONE : NOT_DONE,
        },
        signal,
      )
    } catch (error) {
      const undo = await this.#remove(type).catch((failure: unknown) => failure)
      if (undo === undefined || !isHoldfastError(error)) throw error
      const left = `volume type '${type.name}' (${type.id}), which is not encrypted`
      throw new HoldfastError(error.kind, error.code, error.message, {
        cause: error.cause,
        also: [undo],
        details: { ...error.details, left },
      })
    }
  }

  async delete(nameOrId: string, signal?: AbortSignal): Promise<void> {
    const type = (await this.#raw(signal)).find(({ id, name }) => id === nameOrId || name === nameOrId)
    if (!type) throw volumeTypeNotFound(nameOrId)
    try {
      await this.#remove(type, signal)
    } catch (error) {
      throw isHoldfastError(error) && /in use/i.test(error.message) ? inUse(error) : error
    }
  }

  async #remove(type: CinderVolumeType, signal?: AbortSignal): Promise<void> {
    await this.#cinder.change<void>(
      {
        what: `delete volume type '${type.name}'`,
        notFound: () => volumeTypeNotFound(type.name),
        send: options => deleteVolumeType(this.#cinder.client, type.id, options),
        look: async () => ((await this.#raw(signal)).some(({ id }) => id === type.id) ? NOT_DONE : DONE),
      },
      signal,
    )
  }
}

/** The longest AES key that Barbican's own generator makes: a volume of a type that asks for more could not be created. */
const KEY_SIZE = 256

const withKeySize = (request: CreateVolumeType): CreateVolumeType =>
  request.encryption ? { ...request, encryption: { keySize: KEY_SIZE, ...defined(request.encryption) } } : request

const defined = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T

const inUse = (error: HoldfastError) =>
  new HoldfastError('conflict', 'conflict', error.message, { cause: error.cause, details: error.details })

const isMultiattach = ({ extraSpecs }: CinderVolumeType): boolean => extraSpecs?.multiattach === IS_TRUE

const typeView = (type: CinderVolumeType, encryption: CinderTypeEncryption | undefined): VolumeType => ({
  id: type.id,
  name: type.name,
  multiattach: isMultiattach(type),
  ...(encryption && { encryption: encryptionView(encryption) }),
})

/** A provider that nobody knows is shown as it is; a volume of it is refused when it is to be decrypted. */
const encryptionView = (encryption: CinderTypeEncryption): VolumeTypeEncryption => ({
  provider: providerOf(encryption.provider) ?? (encryption.provider as VolumeTypeEncryption['provider']),
  cipher: encryption.cipher ?? 'aes-xts-plain64',
  keySize: encryption.keySize ?? 512,
  controlLocation: encryption.controlLocation === 'back-end' ? 'back-end' : 'front-end',
})

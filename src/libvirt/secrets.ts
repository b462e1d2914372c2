import { HoldfastError, isHoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { Libvirt } from './client.ts'
import { SecretUsage } from './constants.ts'
import { isConnectionError, isLibvirtCode, isLibvirtError } from './errors.ts'
import type { SecretRef } from './types.ts'

/** What secrets are for: to decrypt volumes with, or to log in to a Ceph cluster with. libvirt's word for it is the usage type. */
export type SecretPurpose = 'volume' | 'ceph'

/** A secret of the hypervisor. */
export interface KeptSecret {
  readonly uuid: string
  /** Whether it has a value; the value itself cannot be asked for. */
  readonly hasValue: boolean
}

/** What a secret says of itself. */
export interface SecretFacts {
  readonly uuid: string
  /** Unique among all of one purpose. */
  readonly usage: string
  readonly description: string
}

/**
 * Secrets of the hypervisor for one purpose. They live in its memory only and are gone when it or the host starts anew.
 * Codes: `hypervisor-unavailable` (unavailable), `hypervisor-error` (host-command), `timeout`.
 */
export interface Secrets {
  /**
   * Makes the secret without a value, or leaves the one of this UUID and usage as it is.
   * @throws HoldfastError `secret-foreign` (conflict): the UUID or the usage is taken by another secret
   */
  define(secret: SecretFacts, signal?: AbortSignal): Promise<void>
  /** Gives it a value, also in place of another. The bytes are not kept by us. */
  setValue(uuid: string, value: Uint8Array, signal?: AbortSignal): Promise<void>
  lookupByUsage(usage: string, signal?: AbortSignal): Promise<KeptSecret | undefined>
  /** All of this purpose, by whomever they were made, sorted by UUID. */
  list(signal?: AbortSignal): Promise<readonly SecretFacts[]>
  /** False if there was none. */
  undefine(uuid: string, signal?: AbortSignal): Promise<boolean>
}

type Api = Pick<Libvirt, 'secret' | 'connect'>

/** What libvirt calls each purpose: the number of the usage type, and the element that holds the usage. */
const PURPOSES = {
  volume: { type: SecretUsage.VOLUME, element: 'volume', layer: 'encryption' },
  ceph: { type: SecretUsage.CEPH, element: 'name', layer: 'connection' },
} as const

/** Stands in the description until the value is set: libvirt does not tell whether a private secret has one. */
const NO_VALUE = '(no value yet)'

/**
 * Secrets of libvirt: ephemeral (in libvirtd's memory, never on disk) and private (their value cannot be read back by
 * anyone). Nova's are neither.
 */
export class LibvirtSecrets implements Secrets {
  readonly #libvirt: Api
  readonly #purpose: SecretPurpose

  constructor(libvirt: Api, purpose: SecretPurpose) {
    this.#libvirt = libvirt
    this.#purpose = purpose
  }

  async define(secret: SecretFacts, signal?: AbortSignal): Promise<void> {
    await this.#translated(`making the ${this.#name(secret.usage)}`, async () => {
      const standing = (await this.#byUuid(secret.uuid, signal)) ?? (await this.#byUsage(secret.usage, signal))
      if (standing) return this.#checkSame(secret, standing)
      const description = `${secret.description} ${NO_VALUE}`
      await this.#libvirt.secret.defineXML(secretXml(this.#purpose, { ...secret, description }), { signal })
    })
  }

  async setValue(uuid: string, value: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.#translated(`giving secret ${uuid} its value`, async () => {
      const secret = await this.#libvirt.secret.lookupByUUID(uuid, { signal })
      await this.#libvirt.secret.setValue(secret, value, { signal })
      const description = descriptionOf(await this.#libvirt.secret.getXMLDesc(secret, { signal }))
      if (!description.includes(NO_VALUE)) return
      const facts = { uuid, usage: secret.usageID, description: description.replace(NO_VALUE, '').trim() }
      await this.#libvirt.secret.defineXML(secretXml(this.#purpose, facts), { signal })
    })
  }

  async lookupByUsage(usage: string, signal?: AbortSignal): Promise<KeptSecret | undefined> {
    return await this.#translated(`looking for the ${this.#name(usage)}`, async () => {
      const secret = await this.#byUsage(usage, signal)
      if (!secret) return undefined
      const xml = await unlessAbsent(this.#libvirt.secret.getXMLDesc(secret, { signal }))
      if (xml === undefined) return undefined
      return { uuid: secret.uuid, hasValue: !descriptionOf(xml).includes(NO_VALUE) }
    })
  }

  async list(signal?: AbortSignal): Promise<readonly SecretFacts[]> {
    return await this.#translated('listing the secrets', async () => {
      const secrets = await this.#libvirt.connect.listAllSecrets(0, { signal })
      const found = secrets
        .filter(({ usageType }) => usageType === PURPOSES[this.#purpose].type)
        .map(async secret => {
          const xml = await unlessAbsent(this.#libvirt.secret.getXMLDesc(secret, { signal }))
          return xml === undefined
            ? []
            : [{ uuid: secret.uuid, usage: secret.usageID, description: descriptionOf(xml) }]
        })
      return (await Promise.all(found)).flat().toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1))
    })
  }

  async undefine(uuid: string, signal?: AbortSignal): Promise<boolean> {
    return await this.#translated(`removing secret ${uuid}`, async () => {
      const secret = await this.#byUuid(uuid, signal)
      if (!secret) return false
      const gone = this.#libvirt.secret.undefine(secret, { signal }).then(() => true)
      return (await unlessAbsent(gone)) ?? false
    })
  }

  #byUuid(uuid: string, signal?: AbortSignal): Promise<SecretRef | undefined> {
    return unlessAbsent(this.#libvirt.secret.lookupByUUID(uuid, { signal }))
  }

  #byUsage(usage: string, signal?: AbortSignal): Promise<SecretRef | undefined> {
    return unlessAbsent(this.#libvirt.secret.lookupByUsage(PURPOSES[this.#purpose].type, usage, { signal }))
  }

  #name(usage: string): string {
    return this.#purpose === 'volume' ? `secret of volume ${usage}` : `Ceph secret '${usage}'`
  }

  #checkSame(wanted: SecretFacts, found: SecretRef): void {
    const { type, layer } = PURPOSES[this.#purpose]
    if (found.uuid === wanted.uuid && found.usageType === type && found.usageID === wanted.usage) return
    const message = `libvirt has a secret ${found.uuid} for '${found.usageID}' that stands in the way of the ${this.#name(wanted.usage)}`
    const hint = `if nothing needs it: virsh secret-undefine ${found.uuid}`
    const volume = this.#purpose === 'volume' ? wanted.usage : undefined
    throw new HoldfastError('conflict', 'secret-foreign', message, {
      details: { volume, layer, left: 'it was not touched', hint },
    })
  }

  #translated<T>(what: string, work: () => Promise<T>): Promise<T> {
    return translated(what, PURPOSES[this.#purpose].layer, work)
  }
}

/**
 * The value of a secret that somebody else keeps in libvirt. Undefined if there is none of this UUID, if it has no value, or
 * if it is private, so that nobody may read it. The caller wipes it.
 */
export async function readSecretValue(
  libvirt: Pick<Libvirt, 'secret'>,
  uuid: string,
  signal?: AbortSignal,
): Promise<Secret | undefined> {
  return await translated(`reading the value of secret ${uuid}`, 'connection', async () => {
    try {
      const secret = await libvirt.secret.lookupByUUID(uuid, { signal })
      return new Secret(await libvirt.secret.getValue(secret, { signal }))
    } catch (error) {
      // Private ones are refused as invalid, or, to a connection without the right, as denied.
      if (isLibvirtCode(error, 'NO_SECRET', 'INVALID_SECRET', 'OPERATION_DENIED')) return undefined
      throw error
    }
  })
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, character => ESCAPES[character] ?? '')

/** libvirt's `secretXML`; every value escaped (I10). */
export function secretXml(purpose: SecretPurpose, secret: SecretFacts): string {
  const { element } = PURPOSES[purpose]
  return (
    `<secret ephemeral='yes' private='yes'><uuid>${escaped(secret.uuid)}</uuid>` +
    `<description>${escaped(secret.description)}</description>` +
    `<usage type='${purpose}'><${element}>${escaped(secret.usage)}</${element}></usage></secret>`
  )
}

function descriptionOf(xml: string): string {
  const text = /<description>([^<]*)<\/description>/.exec(xml)?.[1] ?? ''
  return Object.entries(ESCAPES).reduceRight((done, [character, entity]) => done.replaceAll(entity, character), text)
}

async function unlessAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (isLibvirtCode(error, 'NO_SECRET')) return undefined
    throw error
  }
}

/** What libvirt or its connection answered in the words of the ports. */
async function translated<T>(what: string, layer: 'encryption' | 'connection', work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const options = { cause: error, details: { layer } }
    if (isHoldfastError(error)) throw error
    if (isConnectionError(error)) {
      const late = error.reason === 'timeout'
      const [kind, code] = late
        ? (['timeout', 'timeout'] as const)
        : (['unavailable', 'hypervisor-unavailable'] as const)
      throw new HoldfastError(kind, code, `${what} failed: ${error.message}`, options)
    }
    if (!isLibvirtError(error)) throw error
    throw new HoldfastError('host-command', 'hypervisor-error', `${what} failed: ${error.message}`, options)
  }
}

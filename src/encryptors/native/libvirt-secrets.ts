import { HoldfastError, isHoldfastError } from '#src/core/error.ts'
import {
  isConnectionError,
  isLibvirtCode,
  isLibvirtError,
  type Libvirt,
  type SecretRef,
  SecretUsage,
} from '#src/libvirt/index.ts'
import type { VolumeSecret, VolumeSecrets } from './volume-secrets.ts'

/** Stands in the description until the value is set: libvirt does not tell whether a private secret has one. */
const NO_VALUE = '(no value yet)'

/**
 * Secrets of libvirt: ephemeral (in libvirtd's memory, never on disk) and private (their value cannot be read back by
 * anyone). Nova's are neither.
 */
export class LibvirtSecrets implements VolumeSecrets {
  readonly #libvirt: Pick<Libvirt, 'secret' | 'connect'>

  constructor(libvirt: Pick<Libvirt, 'secret' | 'connect'>) {
    this.#libvirt = libvirt
  }

  async define(secret: { uuid: string; usage: string; description: string }, signal?: AbortSignal): Promise<void> {
    await translated(`making the secret of volume ${secret.usage}`, secret.usage, async () => {
      const standing = (await this.#byUuid(secret.uuid, signal)) ?? (await this.#byUsage(secret.usage, signal))
      if (standing) return checkSame(secret, standing)
      const description = `${secret.description} ${NO_VALUE}`
      await this.#libvirt.secret.defineXML(secretXml({ ...secret, description }), { signal })
    })
  }

  async setValue(uuid: string, value: Uint8Array, signal?: AbortSignal): Promise<void> {
    await translated(`giving secret ${uuid} its value`, uuid, async () => {
      const secret = await this.#libvirt.secret.lookupByUUID(uuid, { signal })
      await this.#libvirt.secret.setValue(secret, value, { signal })
      const description = descriptionOf(await this.#libvirt.secret.getXMLDesc(secret, { signal }))
      if (!description.includes(NO_VALUE)) return
      const said = description.replace(NO_VALUE, '').trim()
      await this.#libvirt.secret.defineXML(secretXml({ uuid, usage: secret.usageID, description: said }), { signal })
    })
  }

  async lookupByUsage(usage: string, signal?: AbortSignal): Promise<VolumeSecret | undefined> {
    return await translated(`looking for the secret of volume ${usage}`, usage, async () => {
      const secret = await this.#byUsage(usage, signal)
      if (!secret) return undefined
      const xml = await unlessAbsent(this.#libvirt.secret.getXMLDesc(secret, { signal }))
      if (xml === undefined) return undefined
      return { uuid: secret.uuid, hasValue: !descriptionOf(xml).includes(NO_VALUE) }
    })
  }

  async list(signal?: AbortSignal): Promise<readonly { uuid: string; usage: string; description: string }[]> {
    return await translated('listing the secrets', undefined, async () => {
      const secrets = await this.#libvirt.connect.listAllSecrets(0, { signal })
      const found = secrets
        .filter(({ usageType }) => usageType === SecretUsage.VOLUME)
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
    return await translated(`removing secret ${uuid}`, uuid, async () => {
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
    return unlessAbsent(this.#libvirt.secret.lookupByUsage(SecretUsage.VOLUME, usage, { signal }))
  }
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
export const secretXml = (secret: { uuid: string; usage: string; description: string }): string =>
  `<secret ephemeral='yes' private='yes'><uuid>${escaped(secret.uuid)}</uuid>` +
  `<description>${escaped(secret.description)}</description>` +
  `<usage type='volume'><volume>${escaped(secret.usage)}</volume></usage></secret>`

function descriptionOf(xml: string): string {
  const text = /<description>([^<]*)<\/description>/.exec(xml)?.[1] ?? ''
  return Object.entries(ESCAPES).reduceRight((done, [character, entity]) => done.replaceAll(entity, character), text)
}

function checkSame(wanted: { uuid: string; usage: string }, found: SecretRef): void {
  if (found.uuid === wanted.uuid && found.usageType === SecretUsage.VOLUME && found.usageID === wanted.usage) return
  throw new HoldfastError(
    'conflict',
    'secret-foreign',
    `libvirt has a secret ${found.uuid} for '${found.usageID}' that stands in the way of that of volume ${wanted.usage}`,
    {
      details: {
        volume: wanted.usage,
        layer: 'encryption',
        left: 'it was not touched',
        hint: `if nothing needs it: virsh secret-undefine ${found.uuid}`,
      },
    },
  )
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
async function translated<T>(what: string, volume: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const details = { volume, layer: 'encryption' } as const
    if (isHoldfastError(error)) throw error
    if (isConnectionError(error)) {
      const [kind, code] =
        error.reason === 'timeout'
          ? (['timeout', 'timeout'] as const)
          : (['unavailable', 'hypervisor-unavailable'] as const)
      throw new HoldfastError(kind, code, `${what} failed: ${error.message}`, { cause: error, details })
    }
    if (!isLibvirtError(error)) throw error
    throw new HoldfastError('host-command', 'hypervisor-error', `${what} failed: ${error.message}`, {
      cause: error,
      details,
    })
  }
}

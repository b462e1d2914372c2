import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import type { Host } from '#src/host/host.ts'
import type { Image } from './plan.ts'
import type { Encryption } from './records.ts'

const CONVERT_DEADLINE_MS = 120_000

/** Loaded when the first encrypted volume is made: a query needs none of it. */
const tools = () => import('#src/host/cryptsetup.ts')

/** LUKS headers in files of the pool. The LUKS UUID is always the id of the volume or snapshot. */
export class LuksFiles {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /**
   * Bytes before the payload. A volume with an image begins as LUKS1, the only version that QEMU writes through, and a
   * LUKS2 header later takes the place of the first one: so it has the offset of that.
   */
  async headerBytes(encryption: Encryption, image: boolean): Promise<number> {
    const { luksPayloadOffset } = await tools()
    return luksPayloadOffset(versionOf(encryption, image), encryption.keySize)
  }

  async format(path: string, uuid: string, spec: Encryption, passphrase: Secret, signal?: AbortSignal): Promise<void> {
    await this.#format(path, uuid, spec, versionOf(spec, false), passphrase, signal)
  }

  /** Formats the blank file and writes the image through its encryption; then it is of the version that was asked for. */
  async formatWithImage(
    path: string,
    uuid: string,
    spec: Encryption,
    passphrase: Secret,
    image: Image,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#format(path, uuid, spec, 1, passphrase, signal)
    const { writeImageEncrypted } = await import('#src/host/qemu-img.ts')
    await writeImageEncrypted(this.#host, image, path, passphrase, signal)
    if (spec.provider !== 'luks2') return
    const args = ['convert', '--batch-mode', '--type', 'luks2', path]
    const request = { tool: 'cryptsetup', args, deadlineMs: CONVERT_DEADLINE_MS, signal } as const
    await this.#withSpace(path, () => this.#host.run(request))
    await this.#check(path, uuid, 2)
  }

  async #format(
    path: string,
    uuid: string,
    spec: Encryption,
    version: 1 | 2,
    passphrase: Secret,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { luksFormat } = await tools()
    const format = { version, uuid, cipher: spec.cipher, keySizeBits: spec.keySize }
    await this.#withSpace(path, () => luksFormat(this.#host, path, format, passphrase, signal))
    await this.#check(path, uuid, version)
  }

  /** A source without its header cannot be made anybody's; said before a long copy is made of it. */
  async checkSource(path: string, volume: string): Promise<void> {
    const { readLuksHeader } = await import('#src/host/luks-header.ts')
    if (await readLuksHeader(this.#host, path)) return
    throw new HoldfastError('corrupt', 'not-luks', `${path} should be encrypted, but has no LUKS header`, {
      details: {
        volume,
        layer: 'encryption',
        hint: 'restore the header from a backup (cryptsetup luksHeaderRestore); without it the data cannot be read',
      },
    })
  }

  /** Makes a copied header the copy's own: another UUID, and a key that the source does not share. */
  async adopt(path: string, uuid: string, old: Secret, next: Secret, signal?: AbortSignal): Promise<void> {
    const { luksChangeKey, luksSetUuid } = await tools()
    await this.#withSpace(path, async () => {
      await luksChangeKey(this.#host, path, old, next, signal)
      await luksSetUuid(this.#host, path, uuid, signal)
    })
  }

  /** cryptsetup does not say that the file system is full: its failure on a full one is taken for that. */
  async #withSpace<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#host.files.synced(path, work)
    } catch (error) {
      if (!hasCode(error, 'command-failed') || (await this.#host.files.freeBytes(path)) >= MIB) throw error
      throw new HoldfastError(
        'no-space',
        'no-space',
        `could not write the encryption header of ${path}: no space left`,
        {
          cause: error,
          details: { layer: 'encryption', hint: 'free some space on that file system' },
        },
      )
    }
  }

  /** What was written is what was meant, by our own reading. */
  async #check(path: string, uuid: string, version: 1 | 2): Promise<void> {
    const { readLuksHeader } = await import('#src/host/luks-header.ts')
    const header = await readLuksHeader(this.#host, path)
    if (header?.uuid === uuid && header.version === version) return
    throw new HoldfastError('corrupt', 'not-luks', `${path} did not become a LUKS${version} volume with UUID ${uuid}`, {
      details: { volume: uuid, layer: 'encryption' },
    })
  }
}

const versionOf = (spec: Encryption, image: boolean): 1 | 2 => (spec.provider === 'luks2' && !image ? 2 : 1)

import type { Connector } from '#src/connectors/connector.ts'
import type { ConnectionInfo } from '#src/core/connection-info.ts'
import { withDeadline } from '#src/core/deadline.ts'
import type { DiskSource, GuestSource } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
import { passphraseOf, Secret } from '#src/core/secret.ts'
import type { Encryptor } from '#src/encryptors/encryptor.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import type { Patch, Write } from '#src/store/store.ts'
import { throwAway } from './away.ts'
import { type Parts, servicesOf, type VolumeServices } from './parts.ts'

/**
 * One operation under way: the rows that it works on, as last written, and what it has learnt of the host since it
 * began. Nothing in here outlives the operation; secrets are wiped at its end.
 */
export class Walk implements Disposable {
  readonly parts: Parts
  instance: InstanceRecord
  readonly sources = new Map<string, DiskSource>()
  readonly views = new Map<string, GuestSource>()
  readonly notes: string[] = []
  /** How long the guest may take to power off or reboot by itself, if the caller said so; milliseconds. */
  graceMs: number | undefined
  /** Of those that wait for room on the host the lowest goes first. */
  rank = 0
  readonly #mappings: Map<string, BlockDeviceMapping>
  readonly #passphrases = new Map<string, Secret>()

  constructor(parts: Parts, instance: InstanceRecord, mappings: readonly BlockDeviceMapping[]) {
    this.parts = parts
    this.instance = instance
    this.#mappings = new Map(mappings.map(row => [row.volumeId, row]))
  }

  get mappings(): readonly BlockDeviceMapping[] {
    return [...this.#mappings.values()]
  }

  mapping(volumeId: string): BlockDeviceMapping {
    const row = this.#mappings.get(volumeId)
    if (row) return row
    throw new HoldfastError('internal', 'internal', `volume ${volumeId} is not one of instance ${this.instance.id}`)
  }

  /** The write that changes the mapping; the row here is changed at once, the store with the step's outcome. */
  patchMapping(volumeId: string, patch: Patch<BlockDeviceMapping>): Write {
    const row = this.mapping(volumeId)
    this.#mappings.set(volumeId, { ...row, ...patch, version: row.version + 1 })
    return { update: 'mapping', id: row.id, version: row.version, patch }
  }

  removeMapping(volumeId: string): Write {
    const { id } = this.mapping(volumeId)
    this.#mappings.delete(volumeId)
    return { remove: 'mapping', id }
  }

  patchInstance(patch: Patch<InstanceRecord>): Write {
    const { id, version } = this.instance
    this.instance = { ...this.instance, ...patch, version: version + 1 }
    return { update: 'instance', id, version, patch }
  }

  /** The volume service and key manager of this volume. */
  services(volumeId: string): VolumeServices {
    return servicesOf(this.parts, this.mapping(volumeId).cloud)
  }

  /** The recorded connection info; made for this host, or refused. */
  connectionInfo(volumeId: string): ConnectionInfo {
    const info = this.mapping(volumeId).connectionInfo
    if (!info) {
      throw new HoldfastError('internal', 'internal', `no connection info is recorded for volume ${volumeId}`, {
        details: { volume: volumeId, layer: 'connection' },
      })
    }
    return info
  }

  connector(info: ConnectionInfo): Connector {
    const connector = this.parts.connectors.get(info.driver_volume_type)
    if (connector) return connector
    throw new HoldfastError(
      'unsupported',
      'connector-unsupported',
      `no connector for volumes of kind '${info.driver_volume_type}'`,
      { details: { volume: info.volume_id } },
    )
  }

  /** The encryptor that is recorded for the volume; undefined if none was chosen yet, so nothing was unlocked. */
  encryptor(volumeId: string): Encryptor | undefined {
    const { mechanism } = this.mapping(volumeId)
    return mechanism && this.parts.encryptors[mechanism]
  }

  /** The passphrase of the volume's key, fetched once an operation; empty for a volume that is not encrypted. */
  async passphrase(volumeId: string, signal: AbortSignal | undefined): Promise<Secret> {
    const known = this.#passphrases.get(volumeId)
    if (known) return known
    const passphrase = await this.#fetchPassphrase(volumeId, signal)
    this.#passphrases.set(volumeId, passphrase)
    return passphrase
  }

  async #fetchPassphrase(volumeId: string, signal: AbortSignal | undefined): Promise<Secret> {
    const { encryption, mechanism } = this.mapping(volumeId)
    if (!encryption || mechanism === 'none') return new Secret(new Uint8Array(0))
    const { clock, settings } = this.parts
    const { keys } = this.services(volumeId)
    const ask = (inner: AbortSignal) => keys.get(encryption.keyId, inner)
    const what = `key manager, asked for the key of volume ${volumeId},`
    const asked = withDeadline(clock, settings.deadlines.service, what, signal, ask)
    const { secret } = await asked.catch(cause => throwAway('key-manager-unavailable', cause, signal))
    using key = secret
    return passphraseOf(key)
  }

  [Symbol.dispose](): void {
    for (const passphrase of this.#passphrases.values()) passphrase.wipe()
    this.#passphrases.clear()
  }
}

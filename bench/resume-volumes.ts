import { randomBytes, randomUUID } from 'node:crypto'
import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import { passphraseOf, Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import type { UnlockRequest } from '#src/encryptors/encryptor.ts'
import type { Host } from '#src/host/host.ts'
import { LuksFiles } from '#src/volumes/local/luks-files.ts'

export const KEY_SIZE = 512
export const VOLUME_BYTES = 64 * MIB

const ENCRYPTION = {
  provider: 'luks2',
  controlLocation: 'front-end',
  cipher: 'aes-xts-plain64',
  keySize: KEY_SIZE,
} as const

/** A volume as an instance has it recorded; `passphrase` is what its key gives. */
export interface PoolVolume {
  readonly id: string
  readonly passphrase: string
}

/** A pool file with its header, made as the embedded volume service makes it. */
export async function makePoolVolume(host: Host, pool: string): Promise<PoolVolume> {
  const id = randomUUID()
  const path = `${pool}/volume-${id}`
  await host.files.createSparse(path, VOLUME_BYTES, 0o600)
  using passphrase = passphraseOf(new Secret(randomBytes(32)))
  await new LuksFiles(host).format(path, id, ENCRYPTION, passphrase)
  return { id, passphrase: new TextDecoder().decode(passphrase.reveal()) }
}

/** What is recorded of the volume, where its file lies now. */
export async function recordsOf(
  host: Host,
  pool: string,
  { id }: PoolVolume,
): Promise<{ readonly info: LocalConnectionInfo; readonly unlock: Omit<UnlockRequest, 'source'> }> {
  const path = `${pool}/volume-${id}`
  const facts = await host.files.stat(path)
  if (!facts) throw new Error(`there is no ${path}`)
  const info: LocalConnectionInfo = {
    driver_volume_type: 'local',
    volume_id: id,
    host: host.name,
    data: {
      device_path: path,
      size_bytes: VOLUME_BYTES,
      access_mode: 'rw',
      encrypted: true,
      multiattach: false,
      discard: false,
      inode: facts.inode,
      luks_uuid: id,
    },
  }
  return { info, unlock: { volumeId: id, luksUuid: id, encryption: { ...ENCRYPTION, keyId: id } } }
}

import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import type { UnlockRequest } from '#src/encryptors/encryptor.ts'
import { hashOf, type SimLuks, World } from '#src/sim/world.ts'

const PASSPHRASE = new TextEncoder().encode('6f70656e20736573616d65')

export const key = (): Secret => new Secret(PASSPHRASE.slice())

const SIZE = 32 * MIB

/** A LUKS volume on `/dev/loop<number>` of a world. */
export function openVolume(
  world = new World(),
  { version = 2, loop = 0 }: { version?: 1 | 2; loop?: number } = {},
): { readonly world: World; readonly request: UnlockRequest } {
  const volumeId = world.random.uuid()
  const luks: SimLuks = { version, uuid: volumeId, passphraseHash: hashOf(PASSPHRASE), payloadOffsetBytes: 16 * MIB }
  const backingPath = `/pool/volume-${volumeId}`
  const file = world.addFile(backingPath, { sizeBytes: SIZE, content: volumeId, luks })
  const path = `/dev/loop${loop}`
  world.loops.set(path, { path, file, backingPath })
  const request: UnlockRequest = {
    volumeId,
    luksUuid: volumeId,
    source: { kind: 'block', path, sizeBytes: SIZE, identity: { inode: file.inode, luksUuid: volumeId } },
    encryption: {
      provider: version === 2 ? 'luks2' : 'luks',
      controlLocation: 'front-end',
      cipher: 'aes-xts-plain64',
      keySize: 512,
      keyId: world.random.uuid(),
    },
  }
  return { world, request }
}

import { HoldfastError } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import type { UnlockRequest } from '#src/encryptors/encryptor.ts'
import { hashOf, type SimLuks, type World } from './world.ts'

/** The same rules as the real encryptors' (`src/encryptors/luks-volume.ts`), over the simulated world. */
export function checkSimLuks(world: World, request: UnlockRequest): SimLuks {
  const { volumeId, source, encryption, luksUuid } = request
  if (encryption?.controlLocation !== 'front-end' || encryption.provider === 'plain') {
    throw failure(request, 'unsupported', 'encryption-unsupported', `volume ${volumeId} is no LUKS volume`)
  }
  const luks = world.below(source.path)?.luks
  if (!luks || luks.damaged) {
    const why = luks ? 'is damaged' : 'is not there'
    throw failure(request, 'corrupt', 'not-luks', `volume ${volumeId} cannot be decrypted: its LUKS header ${why}`)
  }
  if (luksUuid !== undefined && luks.uuid !== luksUuid) {
    const message = `${source.path} is not volume ${volumeId}: found the LUKS header of volume ${luks.uuid}, expected ${luksUuid}`
    throw failure(request, 'unsafe', 'wrong-device', message)
  }
  const { cipher = 'aes-xts-plain64', keySizeBits = 512 } = luks
  const right =
    luks.version === (encryption.provider === 'luks2' ? 2 : 1) &&
    (encryption.cipher ?? cipher) === cipher &&
    [keySizeBits, keySizeBits / (cipher.includes('-xts-') ? 2 : 1)].includes(encryption.keySize ?? keySizeBits)
  if (right) return luks
  const message = `the LUKS header of volume ${volumeId} is not as recorded`
  throw failure(request, 'unsafe', 'encryption-mismatch', message)
}

export function checkSimPassphrase(request: UnlockRequest, luks: SimLuks, passphrase: Secret): void {
  if (hashOf(passphrase) === luks.passphraseHash) return
  const message = `the volume's key does not open any key slot of ${request.source.path}`
  throw failure(request, 'forbidden', 'wrong-key', message)
}

/** The header, or undefined where the real `probe` answers undefined. */
export function simLuksOrNothing(world: World, request: UnlockRequest): SimLuks | undefined {
  try {
    return checkSimLuks(world, request)
  } catch {
    return undefined
  }
}

export const failure = (request: UnlockRequest, kind: HoldfastError['kind'], code: string, message: string) =>
  new HoldfastError(kind, code, message, { details: { volume: request.volumeId, layer: 'encryption' } })

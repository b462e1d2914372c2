import type { EncryptionProvider, EncryptionSpec } from '#src/core/encryption.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { CinderEncryption } from '#src/openstack/cinder/index.ts'

/**
 * Providers by the last part of their name: Cinder has today's words and, in types that are older than they are, the paths of
 * classes of Nova and os-brick (`os_brick/encryptors/__init__.py`, LEGACY_PROVIDER_CLASS_TO_FORMAT_MAP).
 */
const PROVIDERS: ReadonlyMap<string, EncryptionProvider> = new Map([
  ['luks', 'luks'],
  ['luks2', 'luks2'],
  ['plain', 'plain'],
  ...legacy('LuksEncryptor', 'luks.LuksEncryptor', 'luks'),
  ...legacy('Luks2Encryptor', 'luks.Luks2Encryptor', 'luks2'),
  ...legacy('CryptsetupEncryptor', 'cryptsetup.CryptsetupEncryptor', 'plain'),
])

function legacy(name: string, path: string, provider: EncryptionProvider): [string, EncryptionProvider][] {
  return [
    [name, provider],
    [`nova.volume.encryptors.${path}`, provider],
    [`os_brick.encryptors.${path}`, provider],
  ]
}

export const providerOf = (name: string): EncryptionProvider | undefined => PROVIDERS.get(name)

/** As key managers call their keys: a UUID, or as castellan's Vault does without dashes. */
const KEY_ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/
const CIPHER = /^[a-z0-9]{1,20}(-[a-z0-9:]{1,20}){0,3}$/

/**
 * How a volume is encrypted; undefined only if nothing says that it is.
 * @throws HoldfastError `encryption-metadata-missing` (unsafe) for an answer that is not whole: such a volume must never reach a
 *   guest as it is; `encryption-unsupported` for a provider that Holdfast does not know
 */
export function encryptionSpec(
  volumeId: string,
  raw: CinderEncryption,
  isEncrypted: boolean,
): EncryptionSpec | undefined {
  const { keyId, provider, controlLocation, cipher, keySize } = raw
  if (keyId === null && provider === null && !isEncrypted) return undefined
  const missing = Object.entries({ encryption_key_id: keyId, provider, control_location: controlLocation })
    .filter(([, value]) => value === null || value === '')
    .map(([name]) => name)
  if (missing.length > 0 || keyId === null || provider === null)
    throw halfFilled(volumeId, `lacks ${missing.join(', ')}`)
  if (!KEY_ID.test(keyId)) throw halfFilled(volumeId, 'has an encryption_key_id that is none')
  if (cipher && !CIPHER.test(cipher)) throw halfFilled(volumeId, 'has a cipher that is none')
  if (controlLocation !== 'front-end' && controlLocation !== 'back-end') {
    throw halfFilled(volumeId, 'has a control_location that is neither front-end nor back-end')
  }
  const known = providerOf(provider)
  if (!known) throw unknownProvider(volumeId, provider)
  return {
    provider: known,
    controlLocation,
    keyId,
    ...(cipher && { cipher }),
    ...(keySize !== null && { keySize }),
  }
}

const halfFilled = (volume: string, what: string) =>
  new HoldfastError(
    'unsafe',
    'encryption-metadata-missing',
    `volume ${volume} is encrypted, but what Cinder tells of how ${what}; it would reach the guest as ciphertext`,
    { details: { volume, layer: 'encryption', hint: "look at the encryption of the volume's type at Cinder" } },
  )

const unknownProvider = (volume: string, provider: string) =>
  new HoldfastError(
    'unsupported',
    'encryption-unsupported',
    `volume ${volume} is encrypted by provider ${JSON.stringify(provider.slice(0, 80))}, which Holdfast does not know`,
    { details: { volume, layer: 'encryption', hint: "volume types with provider 'luks' or 'luks2' can be used" } },
  )

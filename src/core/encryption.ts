/** Encryption providers that Holdfast knows; anything else is refused (no class paths from API data). */
export type EncryptionProvider = 'luks' | 'luks2' | 'plain'

/** How a volume is encrypted: the volume service's encryption metadata, parsed (Cinder `/volumes/{id}/encryption`). */
export interface EncryptionSpec {
  readonly provider: EncryptionProvider
  /** `front-end`: this host decrypts. `back-end`: the storage does, nothing to do here. */
  readonly controlLocation: 'front-end' | 'back-end'
  /** For example `aes-xts-plain64`. */
  readonly cipher?: string | undefined
  /** Bits; for XTS two keys, so 512 means AES-256. */
  readonly keySize?: number | undefined
  /** Id of the key at the key manager. */
  readonly keyId: string
}

import type { EncryptionMechanism } from '#src/core/disk.ts'
import type { EncryptionSpec } from '#src/core/encryption.ts'
import { HoldfastError } from '#src/core/error.ts'

/** What this host can decrypt with. */
export interface DecryptionAbilities {
  /** The kernel has device-mapper with the crypt target, and cryptsetup is installed. */
  readonly dmCrypt: boolean
  /** QEMU can decrypt LUKS1 itself, and libvirt keeps secrets. */
  readonly native: boolean
}

/**
 * How a volume will be decrypted here. Chosen once, when it is first unlocked; recorded, and never inferred later.
 * `preference` decides where both ways are open (LUKS1 only).
 * @throws HoldfastError `encryption-unsupported`
 */
export function chooseMechanism(
  encryption: EncryptionSpec | undefined,
  abilities: DecryptionAbilities,
  preference: 'dm-crypt' | 'native',
): EncryptionMechanism {
  if (!encryption || encryption.controlLocation === 'back-end') return 'none'
  const able = (['dm-crypt', 'native'] as const).filter(mechanism =>
    mechanism === 'dm-crypt' ? abilities.dmCrypt : abilities.native,
  )
  switch (encryption.provider) {
    case 'luks':
      if (able.includes(preference)) return preference
      if (able[0] !== undefined) return able[0]
      throw unsupported("provider 'luks' needs dm-crypt or QEMU's own LUKS, and this host has neither", NEEDS_EITHER)
    case 'luks2':
      if (abilities.dmCrypt) return 'dm-crypt'
      throw unsupported("provider 'luks2' needs dm-crypt, which the kernel of this host does not have", NEEDS_DM)
    case 'plain':
      throw unsupported("provider 'plain' is not supported", 'copy the volume to one of a luks2 volume type')
  }
}

const NEEDS_DM = "load the kernel module dm-crypt, or use a volume type with provider 'luks', which QEMU can decrypt"
const NEEDS_EITHER = 'load the kernel module dm-crypt, or install libvirt and QEMU'

const unsupported = (message: string, hint: string) =>
  new HoldfastError('unsupported', 'encryption-unsupported', message, { details: { layer: 'encryption', hint } })

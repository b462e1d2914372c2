import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'

/** Bytes of a master key: AES-256. */
export const MASTER_KEY_BYTES = 32
const MODE = 0o600

/** systemd gives credentials read-only, for the owner alone (systemd.exec, `LoadCredential=`). */
const MODES: ReadonlySet<number> = new Set([MODE, 0o400])

const octal = (mode: number) => mode.toString(8).padStart(4, '0')

/** Makes a new master key file of mode 0600; leaves one that is there as it is. */
export async function createMasterKeyFile(host: Host, path: string): Promise<'made' | 'already'> {
  if (await host.files.stat(path)) return 'already'
  using key = new Secret(host.random.bytes(MASTER_KEY_BYTES))
  await host.files.writeAtomic(path, key.reveal(), MODE)
  return 'made'
}

/**
 * The master key, read anew each time and wiped by the caller, so that it is in memory only while it is used.
 * @throws HoldfastError `key-file-missing`, `key-file-mode`, `key-file-invalid`
 */
export async function readMasterKey(host: Host, path: string): Promise<Secret> {
  const facts = await host.files.stat(path)
  if (!facts) throw missing(path)
  if (facts.kind !== 'file') throw invalid(path, 'it is not a file')
  if (!MODES.has(facts.mode)) {
    throw new HoldfastError(
      'forbidden',
      'key-file-mode',
      `master key file ${path} has mode ${octal(facts.mode)}; it must be readable by its owner alone (0600)`,
      { details: { hint: `if nobody else has read it: chmod 600 ${path}` } },
    )
  }
  const bytes = await host.files.read(path)
  if (!bytes) throw missing(path)
  if (bytes.length === MASTER_KEY_BYTES) return new Secret(bytes)
  bytes.fill(0)
  throw invalid(path, `it has ${bytes.length} bytes instead of ${MASTER_KEY_BYTES}`)
}

const missing = (path: string) =>
  new HoldfastError('unavailable', 'key-file-missing', `there is no master key file ${path}`, {
    details: { hint: 'bring it back from where you keep it; without it no key of the store can be opened' },
  })

const invalid = (path: string, reason: string) =>
  new HoldfastError('corrupt', 'key-file-invalid', `${path} is not a master key: ${reason}`, {
    details: { hint: 'bring the right file back; nothing was changed' },
  })

import { createHmac } from 'node:crypto'
import type { Change } from '#src/core/change.ts'
import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { FileFacts, Host } from '#src/host/host.ts'

export const MASTER_KEY_BYTES = 32

/**
 * Where the master key is. `file`: our own, mode 0600 and ours. `credential`: given by systemd, which makes it read-only
 * (`$CREDENTIALS_DIRECTORY/holdfast-master-key`).
 */
export interface MasterKeySource {
  readonly path: string
  readonly kind: 'file' | 'credential'
}

/** Makes a master key file with new random bytes; 'already' if there is one. The folder must be there. */
export async function createMasterKeyFile(host: Host, path: string): Promise<Change> {
  if (await host.files.stat(path)) return 'already'
  using key = new Secret(host.random.bytes(MASTER_KEY_BYTES))
  await host.files.writeAtomic(path, key.reveal(), 0o600)
  return 'made'
}

/**
 * Reads the master key; the caller wipes it.
 * @throws HoldfastError `key-file-mode` (forbidden), `master-key-missing` (unavailable), `master-key-size` (corrupt)
 */
export async function readMasterKey(host: Host, source: MasterKeySource): Promise<Secret> {
  const facts = await host.files.stat(source.path)
  if (!facts) throw missing(source)
  checkMode(source, facts)
  const bytes = await host.files.read(source.path)
  if (!bytes) throw missing(source)
  const key = new Secret(bytes)
  if (bytes.length === MASTER_KEY_BYTES) return key
  key.wipe()
  throw new HoldfastError(
    'corrupt',
    'master-key-size',
    `the master key in ${source.path} has ${bytes.length} bytes, not ${MASTER_KEY_BYTES}`,
    { details: { hint: 'restore the file from its backup; without it no sealed key can be opened' } },
  )
}

function checkMode(source: MasterKeySource, facts: FileFacts): void {
  const octal = `0${facts.mode.toString(8).padStart(3, '0')}`
  if (source.kind === 'credential') {
    if ((facts.mode & 0o337) === 0) return
    throw wrongMode(`credential ${source.path} has mode ${octal}: others may read or change it`)
  }
  const us = process.getuid?.()
  if (facts.mode !== 0o600) {
    throw wrongMode(`master key file ${source.path} has mode ${octal}, not 0600`, `chmod 600 ${source.path}`)
  }
  if (facts.uid !== us) {
    throw wrongMode(
      `master key file ${source.path} belongs to user ${facts.uid}, not ${us}`,
      `chown ${us} ${source.path}`,
    )
  }
}

const wrongMode = (message: string, hint?: string) =>
  new HoldfastError('forbidden', 'key-file-mode', message, { details: { hint } })

const missing = (source: MasterKeySource) =>
  new HoldfastError('unavailable', 'master-key-missing', `there is no master key at ${source.path}`, {
    details: { hint: 'restore the file from its backup; without it no sealed key can be opened' },
  })

/** Names a master key without telling anything of it, so that a wrong one can be told from a damaged store. */
export const masterKeyId = (key: Secret): string =>
  createHmac('sha256', key.reveal()).update('holdfast master key id').digest('hex').slice(0, 16)

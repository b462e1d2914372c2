import { createHmac } from 'node:crypto'
import type { Change } from '#src/core/change.ts'
import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import { type KeyFileSource, readKeyFile } from '../key-file.ts'

export const MASTER_KEY_BYTES = 32

/**
 * Where the master key is. `file`: our own, mode 0600 and ours. `credential`: given by systemd, which makes it read-only
 * (`$CREDENTIALS_DIRECTORY/holdfast-master-key`).
 */
export interface MasterKeySource extends KeyFileSource {
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
  const key = await readKeyFile(host, source, 'master key')
  if (!key) throw missing(source)
  const { length } = key
  if (length === MASTER_KEY_BYTES) return key
  key.wipe()
  throw new HoldfastError(
    'corrupt',
    'master-key-size',
    `the master key in ${source.path} has ${length} bytes, not ${MASTER_KEY_BYTES}`,
    { details: { hint: 'restore the file from its backup; without it no sealed key can be opened' } },
  )
}

const missing = (source: MasterKeySource) =>
  new HoldfastError('unavailable', 'master-key-missing', `there is no master key at ${source.path}`, {
    details: { hint: 'restore the file from its backup; without it no sealed key can be opened' },
  })

/** Names a master key without telling anything of it, so that a wrong one can be told from a damaged store. */
export const masterKeyId = (key: Secret): string =>
  createHmac('sha256', key.reveal()).update('holdfast master key id').digest('hex').slice(0, 16)

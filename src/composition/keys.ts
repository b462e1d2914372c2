import { basename, join } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import type { Host } from '#src/host/host.ts'
import type { KeyManager } from '#src/keys/key-manager.ts'
import { LocalKeyManager } from '#src/keys/local/local-key-manager.ts'
import { createMasterKeyFile } from '#src/keys/local/master-key.ts'

/** Under this name systemd hands over the master key, read-only. */
const CREDENTIAL = 'holdfast-master-key'

/**
 * The embedded key manager. A host that has no sealed key yet gets a master key of its own; one that has is never given
 * another, for that would open nothing.
 */
export async function openLocalKeys(host: Host, config: HoldfastConfig, mode: 'read' | 'write'): Promise<KeyManager> {
  const directory = join(config.stateDirectory, 'keys')
  const kind = basename(config.keyFile) === CREDENTIAL ? 'credential' : 'file'
  const keys = new LocalKeyManager(host, { directory, masterKey: { path: config.keyFile, kind } })
  if (mode === 'write' && kind === 'file' && (await keys.list()).length === 0) {
    await createMasterKeyFile(host, config.keyFile)
  }
  return keys
}

import { basename, join } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Sealer } from '#src/core/sealer.ts'
import type { Host } from '#src/host/host.ts'
import type { KeyManager } from '#src/keys/key-manager.ts'
import { LocalKeyManager } from '#src/keys/local/local-key-manager.ts'
import { createMasterKeyFile, type MasterKeySource } from '#src/keys/local/master-key.ts'
import { MasterKeySealer } from '#src/keys/local/master-key-sealer.ts'
import { once } from './lazy.ts'

/** Under this name systemd hands over the master key, read-only. */
const CREDENTIAL = 'holdfast-master-key'

const masterKeyOf = ({ keyFile }: HoldfastConfig): MasterKeySource => ({
  path: keyFile,
  kind: basename(keyFile) === CREDENTIAL ? 'credential' : 'file',
})

/**
 * The embedded key manager. A host that has no sealed key yet gets a master key of its own; one that has is never given
 * another, for that would open nothing.
 */
export async function openLocalKeys(host: Host, config: HoldfastConfig, mode: 'read' | 'write'): Promise<KeyManager> {
  const directory = join(config.stateDirectory, 'keys')
  const masterKey = masterKeyOf(config)
  const keys = new LocalKeyManager(host, { directory, masterKey })
  if (mode === 'write' && masterKey.kind === 'file' && (await keys.list()).length === 0) {
    await createMasterKeyFile(host, masterKey.path)
  }
  return keys
}

/**
 * What seals the secrets of connection info. A process that only reads records nothing, so it needs no master key: what it would
 * seal is left out.
 */
export async function openSealer(host: Host, config: HoldfastConfig, mode: 'read' | 'write'): Promise<Sealer> {
  const sealer = new MasterKeySealer(host, masterKeyOf(config))
  const open = sealer.open.bind(sealer)
  if (mode === 'read') return { seal: async () => LEFT_OUT, open }
  const ready = once(() => readyToSeal(host, config))
  const seal: Sealer['seal'] = async (...args) => {
    await ready()
    return await sealer.seal(...args)
  }
  return { seal, open }
}

/**
 * A host that has sealed nothing yet may be given a master key. From then on a file says so: a master key that is lost later is
 * missed, and never replaced by one that opens nothing.
 */
async function readyToSeal(host: Host, config: HoldfastConfig): Promise<void> {
  const mark = join(config.stateDirectory, 'sealed')
  if (await host.files.stat(mark)) return
  await openLocalKeys(host, config, 'write')
  await host.files.writeAtomic(mark, new TextEncoder().encode('secrets are sealed under the master key\n'), 0o600)
}

const LEFT_OUT = 'sealed:v1:'

/** @throws HoldfastError `config-invalid` */
export const needed = (value: string | undefined, field: string, why: string): string => {
  if (value !== undefined) return value
  throw new HoldfastError('invalid-input', 'config-invalid', `${field} is not configured, but ${why}`, {
    details: { hint: 'docs/reference/configuration.md has all fields' },
  })
}

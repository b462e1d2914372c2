import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import type { Host } from '#src/host/host.ts'
import type { KeyManager } from '#src/keys/key-manager.ts'
import type { VaultAuth } from '#src/keys/vault/options.ts'
import type { CloudLogin } from './cloud-session.ts'
import { needed } from './keys.ts'

export interface CloudKeysNeeds {
  readonly host: Host
  readonly config: HoldfastConfig
  readonly onNote: (note: string) => void
  readonly onClose: (closer: () => Promise<void>) => void
}

/**
 * Where the keys of a cloud's volumes are: Barbican or Vault; with a fixed key configured, volumes of its id get that one
 * (Nova `keymgr/migration` rule).
 */
export async function cloudKeys(needs: CloudKeysNeeds, login: CloudLogin): Promise<KeyManager> {
  const { host, config } = needs
  const keys = config.keys.backend === 'vault' ? await vaultKeys(needs) : await barbicanKeys(needs, login)
  const { fixedKeyFile } = config.keys
  if (fixedKeyFile === undefined) return keys
  const [{ FixedKeyManager }, { MigrationKeyManager }] = await Promise.all([
    import('#src/keys/fixed/fixed-key-manager.ts'),
    import('#src/keys/fixed/migration-key-manager.ts'),
  ])
  return new MigrationKeyManager(new FixedKeyManager(host, { path: fixedKeyFile, kind: 'file' }), keys)
}

async function barbicanKeys({ host, onNote }: CloudKeysNeeds, { session }: CloudLogin): Promise<KeyManager> {
  const { BarbicanKeyManager } = await import('#src/keys/barbican/barbican-key-manager.ts')
  return new BarbicanKeyManager(host, session.client('key-manager'), { onLeft: error => onNote(error.message) })
}

async function vaultKeys({ host, config, onClose }: CloudKeysNeeds): Promise<KeyManager> {
  const { vault } = config
  const [{ VaultKeyManager }, { UndiciTransport }] = await Promise.all([
    import('#src/keys/vault/vault-key-manager.ts'),
    import('#src/http/undici-transport.ts'),
  ])
  const ca = vault.caFile === undefined ? undefined : await host.files.read(vault.caFile)
  const transport = new UndiciTransport({ ca })
  const keys = new VaultKeyManager(host, transport, {
    url: needed(vault.url, 'vault.url', 'keys.backend is vault'),
    namespace: vault.namespace,
    mount: vault.mount,
    path: vault.path,
    version: vault.kvVersion,
    auth: vaultAuth(vault),
  })
  onClose(async () => {
    // Gives the token of its login back.
    await keys.close()
    await transport.close()
  })
  return keys
}

function vaultAuth({ auth, tokenFile, role, secretIdFile }: HoldfastConfig['vault']): VaultAuth {
  const why = `vault.auth is ${auth}`
  // Vault Agent and others write them for us.
  const file = (path: string) => ({ path, kind: 'given' }) as const
  switch (auth) {
    case 'token':
      return { method: 'token', file: file(needed(tokenFile, 'vault.token_file', why)) }
    case 'approle': {
      const secretId = secretIdFile === undefined ? undefined : file(secretIdFile)
      return { method: 'approle', roleId: needed(role, 'vault.role', why), secretId }
    }
    case 'kubernetes': {
      const path = needed(tokenFile, 'vault.token_file', why)
      return { method: 'kubernetes', role: needed(role, 'vault.role', why), path }
    }
  }
}

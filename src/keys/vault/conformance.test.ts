import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNodeHost } from '#src/host/node-host.ts'
import { UndiciTransport } from '#src/http/undici-transport.ts'
import { keyManagerConformance } from '../conformance.ts'
import { startFakeVault } from './testing/fake-vault.ts'
import { VaultKeyManager } from './vault-key-manager.ts'

const host = createNodeHost()

for (const version of [1, 2] as const) {
  keyManagerConformance(`Vault, KV version ${version}`, async () => {
    const vault = await startFakeVault()
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-vault-'))
    const path = join(folder, 'token')
    await writeFile(path, 'hvs.root\n', { mode: 0o600 })
    vault.state.mounts.set('secret', { version, entries: new Map() })
    vault.state.tokens.set('hvs.root', { end: undefined, renewable: false, longest: 0, allowed: ['secret/'] })
    const auth = { method: 'token', file: { path, kind: 'file' } } as const
    const options = { url: vault.url, mount: 'secret', path: 'cinder/keys', version, auth } as const
    const transport = new UndiciTransport()
    const open = () => new VaultKeyManager(host, transport, options)
    return {
      keys: open(),
      reopen: async () => open(),
      damage: async id => {
        const data = vault.state
          .entries('secret')
          .get(`cinder/keys/${id.replaceAll('-', '')}`)
          ?.versions.at(-1)
        if (data) data.value = String(data.value).slice(2)
      },
      [Symbol.asyncDispose]: async () => {
        await transport.close()
        await vault[Symbol.asyncDispose]()
        await rm(folder, { recursive: true })
      },
    }
  })
}

import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import type { CommandRequest, Host } from './host.ts'
import { bootSector, tryKvm } from './kvm.ts'
import { createNodeHost } from './node-host.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-kvm-'))
})
after(async () => await rm(folder, { recursive: true }))

/** This machine, with QEMU as told. */
function host(run: (request: CommandRequest) => Promise<number>): Host {
  const real = createNodeHost()
  return {
    ...real,
    files: {
      ...real.files,
      stat: async path => (path === '/dev/kvm' ? await real.files.stat('/dev/null') : undefined),
    },
    run: async request => ({ exitCode: await run(request), stdout: '', stderr: '' }),
  }
}

describe('trying KVM', () => {
  it('believes the guest alone', async () => {
    assert.equal(
      await tryKvm(
        host(async () => 85),
        folder,
      ),
      true,
    )
    assert.equal(
      await tryKvm(
        host(async () => 0),
        folder,
      ),
      false,
    )
    for (const code of ['command-failed', 'command-missing', 'timeout']) {
      const fails = async () => {
        throw new HoldfastError('host-command', code, 'no')
      }
      assert.equal(await tryKvm(host(fails), folder), false)
    }
    assert.deepEqual(await readdir(folder), [])
  })

  it('says nothing when it was aborted', async () => {
    const aborted = async () => {
      throw new Error('enough')
    }
    await assert.rejects(tryKvm(host(aborted), folder), /enough/)
  })

  it('has a boot sector that a guest runs (emulated)', async () => {
    const real = createNodeHost()
    const image = join(folder, 'boot.img')
    await real.files.writeAtomic(image, bootSector(), 0o600)
    let args: readonly string[] = []
    const seen = host(async request => {
      args = request.args.map(word => (word === 'kvm' ? 'tcg' : word === 'host' ? 'qemu64' : word))
      return 0
    })
    await tryKvm(seen, folder)
    const emulated = args.map(word => (word.startsWith('file=') ? word.replace(/file=[^,]*/, `file=${image}`) : word))
    assert.equal((await real.run({ tool: 'qemu-system-x86_64', args: emulated, okCodes: [85] })).exitCode, 85)
    await rm(image)
  })

  it('answers on this machine, and leaves nothing behind', async () => {
    assert.equal(typeof (await tryKvm(createNodeHost(), folder)), 'boolean')
    assert.deepEqual(await readdir(folder), [])
  })
})

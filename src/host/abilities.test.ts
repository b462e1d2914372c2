import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { dmCryptAbility, hostAbilities } from './abilities.ts'
import type { Host } from './host.ts'
import { createNodeHost } from './node-host.ts'

const real = createNodeHost()

function host(options: { control: boolean; targets?: string; modules?: string; missing?: boolean }): Host {
  return {
    ...real,
    files: {
      ...real.files,
      stat: async () => (options.control ? await real.files.stat('/') : undefined),
      read: async () => new TextEncoder().encode(options.modules ?? ''),
    },
    run: async ({ tool }) => {
      if (tool === 'cryptsetup' && !options.missing) return { exitCode: 0, stdout: 'cryptsetup 2.6.1\n', stderr: '' }
      if (tool === 'dmsetup' && options.targets !== undefined)
        return { exitCode: 0, stdout: options.targets, stderr: '' }
      throw new HoldfastError('unsupported', 'command-missing', 'not installed', { details: { hint: 'install it' } })
    },
  }
}

describe('what a host can do', () => {
  it('has dm-crypt if the kernel has the target, or a module for it', async () => {
    const loaded = await dmCryptAbility(host({ control: true, targets: 'striped v1.6.0\ncrypt            v1.24.0\n' }))
    assert.deepEqual(loaded, { name: 'dm-crypt', available: true, detail: 'target crypt v1.24.0' })
    const module = await dmCryptAbility(
      host({ control: true, targets: '', modules: 'kernel/drivers/md/dm-crypt.ko: x' }),
    )
    assert.equal(module.available, true)
  })

  it('has not, with a reason and a hint, if anything of it is lacking', async () => {
    const hosts = [
      host({ control: false }),
      host({ control: true }),
      host({ control: true, targets: 'linear v1\n' }),
      host({ control: true, targets: 'crypt v1.24.0\n', missing: true }),
    ]
    for (const each of hosts) {
      const ability = await dmCryptAbility(each)
      assert.deepEqual([ability.available, ability.name], [false, 'dm-crypt'])
      assert.ok(ability.detail && ability.hint)
    }
  })

  it('finds the tools of this machine with their versions', async () => {
    const abilities = await hostAbilities(real)
    const cryptsetup = abilities.find(({ name }) => name === 'cryptsetup')
    assert.match(cryptsetup?.detail ?? '', /^\d+\.\d+/)
    assert.deepEqual(
      abilities.filter(({ name }) => ['qemu-img', 'losetup', 'ip'].includes(name)).map(({ available }) => available),
      [true, true, true],
    )
  })
})

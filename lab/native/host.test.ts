import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { Bench, NAMESPACE } from '#test/wrong-input/bench.ts'
import { GUEST_KERNEL_ARGUMENTS } from '../../tools/guest/pack-guest.ts'
import { makeRealHost, type RealHost } from '../holdfast-life.ts'
import { qemuOf } from '../processes.ts'

interface Resumed {
  readonly instances: readonly { readonly name: string; readonly outcome: string; readonly error: unknown }[]
}
interface Checked {
  readonly findings: readonly { readonly code: string; readonly mend: { readonly by: string } }[]
  readonly blind: readonly unknown[]
}
interface Drilled {
  readonly instances: readonly { readonly name: string; readonly ready: boolean }[]
}

/** What a boot of the host leaves: other boot id, no QEMU, no ephemeral secret; all else is real and goes on. */
describe('a host that comes back, on a real libvirt', { timeout: 300_000 }, () => {
  let real: RealHost
  let outside: Bench
  let bench: Bench
  const ids = new Map<string, string>()

  before(async () => {
    real = await makeRealHost()
    outside = await Bench.open()
    await boot()
    await bench.make('volume', 'type', 'create', 'secret', '--encryption-provider', 'luks')
    for (const type of ['secret', undefined]) {
      const more = type === undefined ? [] : ['--type', type]
      await bench.make('volume', 'create', '--size', '1', ...more, `of-${type ?? 'plain'}`)
    }
    const { kernel, initrd } = real.guest
    const common = [
      '--memory',
      '128',
      '--cpus',
      '1',
      '--kernel',
      kernel,
      '--initrd',
      initrd,
      '--append',
      GUEST_KERNEL_ARGUMENTS,
    ]
    ids.set('web', await bench.make('instance', 'create', 'web', ...common, '--volume', 'of-secret', '--priority', '5'))
    ids.set('db', await bench.make('instance', 'create', 'db', ...common, '--volume', 'of-plain'))
  })

  after(async () => {
    await outside?.[Symbol.asyncDispose]()
    await real?.[Symbol.asyncDispose]()
  })

  /** Another boot id from here on, for every process that is started. */
  async function boot(): Promise<void> {
    const bootId = join(outside.folder, 'boot-id')
    await writeFile(bootId, `${randomUUID()}\n`)
    const env = { HOLDFAST_LIBVIRT_SOCKET: real.config.libvirtSocket, HOLDFAST_DOMAIN_TYPE: 'qemu' }
    const prefix = [NAMESPACE, 'show', bootId, '/proc/sys/kernel/random/boot_id', '--']
    bench = outside.with({ state: real.config.stateDirectory, env, prefix })
  }

  async function powerCut(): Promise<void> {
    for (const domain of await real.libvirt.connect.listAllDomains()) await real.libvirt.domain.destroyFlags(domain)
    for (const secret of await real.libvirt.connect.listAllSecrets()) await real.libvirt.secret.undefine(secret)
    await boot()
  }

  async function ran<T>(code: number, ...args: readonly string[]): Promise<T> {
    const { code: ended, stdout, stderr } = await bench.run(...args, '--json')
    assert.equal(ended, code, `${args.join(' ')}: ${stderr}${stdout}`)
    return JSON.parse(stdout) as T
  }

  const outcomes = ({ instances }: Resumed) => instances.map(({ name, outcome }) => `${name} ${outcome}`)
  const codes = ({ findings }: Checked) => findings.filter(({ mend }) => mend.by !== 'nobody').map(({ code }) => code)

  it('while all is well: nothing to tell, nothing to bring back, and the next boot would come through', async () => {
    assert.deepEqual(codes(await ran<Checked>(0, 'host', 'check')), [])
    const { instances } = await ran<Drilled>(0, 'host', 'drill')
    assert.deepEqual(
      instances.map(({ name, ready }) => [name, ready]),
      [
        ['web', true],
        ['db', true],
      ],
    )
    const pid = await qemuOf(ids.get('web') ?? '')
    assert.deepEqual(outcomes(await ran<Resumed>(0, 'host', 'resume')), ['web running', 'db running'])
    assert.equal(await qemuOf(ids.get('web') ?? ''), pid)
  })

  it('after a power cut: told, brought back, and all is well again', async () => {
    await powerCut()
    assert.deepEqual(codes(await ran<Checked>(22, 'host', 'check')), ['instance-not-back', 'instance-not-back'])
    assert.deepEqual(outcomes(await ran<Resumed>(0, 'host', 'resume')), ['web resumed', 'db resumed'])
    assert.deepEqual(codes(await ran<Checked>(0, 'host', 'check')), [])
  })

  it('without its master key: what needs none is back at once, the other waits, and comes when the key does', async () => {
    await powerCut()
    const { keyFile } = real.config
    await rename(keyFile, `${keyFile}.away`)
    const drilled = await ran<Drilled>(21, 'host', 'drill')
    assert.deepEqual(
      drilled.instances.map(({ name, ready }) => [name, ready]),
      [
        ['web', false],
        ['db', true],
      ],
    )
    assert.deepEqual(outcomes(await ran<Resumed>(21, 'host', 'resume', '--wait', '0')), [
      'web waiting-for-key',
      'db resumed',
    ])

    const child = bench.start(['host', 'resume', '--wait', '120'])
    const [printed, ended] = [text(child.stdout), once(child, 'close')]
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.includes('waiting-for-key')) await rename(`${keyFile}.away`, keyFile)
    }
    assert.match(await printed, /web +5 +resumed/)
    assert.deepEqual(await ended, [0, null])
    assert.deepEqual(codes(await ran<Checked>(0, 'host', 'check')), [])
  })
})

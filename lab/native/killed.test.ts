import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Holdfast } from '#src/holdfast.ts'
import { GUEST_KERNEL_ARGUMENTS } from '../../tools/guest/pack-guest.ts'
import { waitForConsoleLine } from '../../tools/quickstart/console-log.ts'
import { makeRealHost, type RealHost } from '../holdfast-life.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/holdfast.mjs', import.meta.url))

/** The command line as a process of its own, ended by a signal as soon as it tells of a step. */
describe('a process that is ended in the middle of an operation', { timeout: 240_000 }, () => {
  let real: RealHost
  let instance: string
  const volumes: string[] = []

  before(async () => {
    real = await makeRealHost()
    await using holdfast = await real.open()
    const encryption = {
      provider: 'luks',
      cipher: 'aes-xts-plain64',
      keySize: 512,
      controlLocation: 'front-end',
    } as const
    await holdfast.volumes.createVolumeType({ name: 'secret', encryption })
    for (const name of ['one', 'two']) {
      volumes.push((await holdfast.volumes.create({ size: 1, name, volumeType: 'secret' })).id)
    }
    const { kernel: image, initrd } = real.guest
    const created = await holdfast.instances.create({
      name: 'web',
      memoryMib: 128,
      cpus: 1,
      volumes: [{ volumeId: volumes[0] ?? '' }],
      kernel: { image, initrd, append: GUEST_KERNEL_ARGUMENTS },
      networks: [],
    })
    instance = created.id
    // A guest that has not booted yet hears no request to let go of a disk.
    const console = await holdfast.instances.consoleLog(instance)
    await waitForConsoleLine(console, 0, /holdfast-guest: ready/, AbortSignal.timeout(60_000))
  })

  after(() => real[Symbol.asyncDispose]())

  /** Runs the command line and sends the signal when a line of its progress matches; gives how it ended. */
  async function endAt(args: readonly string[], line: RegExp, signal: NodeJS.Signals) {
    const env = {
      ...process.env,
      HOLDFAST_STATE: real.config.stateDirectory,
      HOLDFAST_LIBVIRT_SOCKET: real.config.libvirtSocket,
      HOLDFAST_DOMAIN_TYPE: 'qemu',
    }
    const child = spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = once(child, 'close')
    for await (const text of createInterface({ input: child.stderr })) if (line.test(text)) child.kill(signal)
    const [code, by] = await ended
    return { code, by }
  }

  const works = async (holdfast: Holdfast) => {
    const { record, power, mappings } = await holdfast.instances.show(instance)
    assert.deepEqual([record.status, power], ['ACTIVE', 'running'])
    assert.deepEqual(await holdfast.operations.list({ unfinished: true }), [])
    const attached = mappings.map(mapping => mapping.volumeId)
    for (const volumeId of volumes) {
      const { status } = await holdfast.volumes.get(volumeId)
      assert.equal(status, attached.includes(volumeId) ? 'in-use' : 'available')
    }
  }

  it('by SIGKILL in an attach: the next operation takes it back first', async () => {
    assert.equal((await endAt(['instance', 'attach', 'web', 'two'], /unlock volume/, 'SIGKILL')).by, 'SIGKILL')
    await using holdfast = await real.open()
    const [unfinished] = await holdfast.operations.list({ unfinished: true })
    assert.deepEqual([unfinished?.kind, unfinished?.state], ['attach', 'running'])

    await holdfast.instances.attach(instance, volumes[1] ?? '')

    await works(holdfast)
    const states = (await holdfast.operations.list({ instanceId: instance })).map(
      ({ kind, state }) => `${kind} ${state}`,
    )
    assert.deepEqual(states.slice(0, 2), ['attach done', 'attach rolled-back'])
    await holdfast.instances.detach(instance, volumes[1] ?? '')
    await works(holdfast)
  })

  for (const line of [/destroy domain/, /lock volume/, /unlock volume/, /define domain/]) {
    it(`by SIGKILL in a hard reboot, at '${line.source}': it is driven on`, async () => {
      const { by } = await endAt(['instance', 'reboot', '--hard', 'web'], line, 'SIGKILL')
      assert.equal(by, 'SIGKILL')
      await using holdfast = await real.open()
      const [unfinished] = await holdfast.operations.list({ unfinished: true })
      assert.ok(unfinished)
      const { operation } = await holdfast.operations.resume(unfinished.id)
      assert.equal(operation.state, 'done')
      await works(holdfast)
    })
  }

  it('by Ctrl-C in an attach: it is undone before the process ends', async () => {
    const { code } = await endAt(['instance', 'attach', 'web', 'two'], /check volume/, 'SIGINT')
    await using holdfast = await real.open()
    assert.ok(
      code === 130 || (code === 0 && (await holdfast.instances.show(instance)).mappings.length === 2),
      `ended with ${code}`,
    )
    await works(holdfast)
  })
})

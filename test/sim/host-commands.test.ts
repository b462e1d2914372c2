import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runCli, stopButton } from '#src/cli/testing/run-cli.ts'
import type { Holdfast } from '#src/holdfast.ts'
import { Rig } from './rig.ts'

/** The library's face over the simulated host. */
const faceOf = (rig: Rig): Holdfast => ({
  volumes: rig.parts.volumes,
  instances: rig.instances,
  operations: rig.operations,
  host: rig.host,
  state: { check: async () => [], backups: async () => [], plan: async () => [], restore: async () => [] },
  cloud: {
    check: async () => {
      throw new Error('there is no cloud here')
    },
    messagesOf: async () => [],
  },
  hostStatus: async () => ({
    host: rig.world.hostName,
    bootId: rig.world.bootId,
    stateDirectory: '/state',
    availabilityZone: 'nova',
    abilities: [],
    pool: { path: '/pool', freeBytes: 0 },
  }),
  close: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
})

const run = (rig: Rig, line: string, more: Parameters<typeof runCli>[1] = {}) =>
  runCli(line, { open: async () => faceOf(rig), ...more })

/** Instances in every state that a boot can find them in. */
async function variety(): Promise<Rig> {
  const rig = new Rig()
  await rig.instance('plain', [await rig.volume()])
  await rig.instance('secret', [await rig.volume('luks2')], { priority: 5 })
  await rig.instance('last', [], { priority: -5 })
  await rig.instances.stop(await rig.instance('off', [await rig.volume()]))
  return rig
}

describe('commands on a simulated host', () => {
  it('foretell with --dry-run exactly who comes back, in this order', async () => {
    const rig = await variety()
    await rig.reboot()
    const planned = async () => {
      const { stdout } = await run(rig, 'host resume --dry-run --json')
      return (JSON.parse(stdout).steps as { action: string; title: string }[])
        .filter(({ action }) => action === 'resume-instance')
        .map(({ title }) => title.split(' ')[2])
    }
    const foretold = await planned()
    assert.deepEqual(foretold, ['secret', 'plain', 'last'])
    rig.keysAway()
    const first = await run(rig, 'host resume --wait 0 --json')
    assert.equal(first.code, 21)
    const outcomes = (stdout: string) =>
      (JSON.parse(stdout).instances as { name: string; outcome: string }[]).map(({ name, outcome }) => [name, outcome])
    assert.deepEqual(outcomes(first.stdout), [
      ['secret', 'waiting-for-key'],
      ['plain', 'resumed'],
      ['last', 'resumed'],
    ])
    assert.match((await run(rig, 'instance show secret')).stdout, /^status +SHUTOFF waiting-for-key$/m)
    assert.deepEqual(await planned(), ['secret'])
    rig.allWell()
    const second = await run(rig, 'host resume --json')
    assert.equal(second.code, 0)
    assert.deepEqual(outcomes(second.stdout), [
      ['secret', 'resumed'],
      ['plain', 'running'],
      ['last', 'running'],
    ])
    assert.deepEqual(await planned(), [])
  })

  it('foretell that a guest which went off by itself is left off', async () => {
    const rig = await variety()
    const { record } = (await rig.instances.list()).find(view => view.record.name === 'plain') ?? {}
    const domain = rig.libvirt.domains.get(record?.id ?? '')
    assert.ok(domain)
    rig.libvirt.endRun(domain)
    const { stdout, stderr } = await run(rig, 'host resume --dry-run')
    assert.equal(stdout, 'would do:\n  nothing\n')
    assert.match(stderr, /instance plain went off by itself/)
    const resumed = await run(rig, 'host resume')
    assert.equal(resumed.code, 0)
    assert.match(resumed.stdout, /plain +0 +stopped-itself/)
    assert.equal((await run(rig, 'host check')).code, 22)
  })

  it('leave waiting after Ctrl-C who waits, and go on from there', async () => {
    const rig = await variety()
    await rig.reboot()
    rig.keysAway()
    const button = stopButton()
    let stderr = ''
    const sink = {
      write: (chunk: string | Uint8Array) => {
        stderr += String(chunk)
        if (String(chunk).includes('waiting up to')) button.press()
      },
    }
    const stopped = await run(rig, 'host resume', { onStop: button.onStop, stderr: sink })
    assert.equal(stopped.code, 130)
    assert.match(stopped.stdout, /^secret +5 +waiting-for-key/m)
    assert.match(stderr, /hint: `holdfast host resume` goes on from here\n$/)
    rig.allWell()
    assert.equal((await run(rig, 'host resume')).code, 0)
  })

  it('drill, and are told the same before and after', async () => {
    const rig = await variety()
    assert.equal((await run(rig, 'host drill')).code, 0)
    rig.keysAway()
    const run21 = await run(rig, 'host drill')
    assert.equal(run21.code, 21)
    assert.match(run21.stdout, /\nwould not come back:\n {2}secret\n {4}✘ .*\n/)
    assert.match(run21.stdout, /\n2 of 3 instances would be back after /)
    rig.allWell()
    await rig.instances.update((await rig.instances.list())[0]?.record.id ?? '', { priority: 1 })
    assert.equal((await run(rig, 'host drill --json')).code, 0)
  })

  it('check, mend what is named, and find nothing any more', async () => {
    const rig = await variety()
    assert.equal((await run(rig, 'host check')).code, 0)
    await rig.reboot()
    const found = await run(rig, 'host check')
    assert.equal(found.code, 22)
    assert.match(found.stdout, /^medium: /)
    const ids = [...found.stdout.matchAll(/^ {4}(instance-not-back:\S+)$/gm)].map(([, id]) => id)
    assert.equal(ids.length, 3)
    const refused = await run(rig, 'host check --fix')
    assert.equal(refused.code, 2)
    const one = await run(rig, `host check --fix --yes --only ${ids[0]}`)
    assert.equal(one.code, 22)
    assert.match(one.stdout, /^✔ fixed: /)
    assert.match(one.stdout, /\n2 differences \(2 medium\)/)
    const rest = await run(rig, 'host check --fix', { typed: 'yes\n' })
    assert.equal(rest.code, 0)
    assert.match(rest.stdout, /\nnothing is wrong: looked at 4 instances/)
  })
})

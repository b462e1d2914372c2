import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Bench, NAMESPACE, needsRoot } from './bench.ts'

const INSTANCE = ['instance', 'create', 'web', '--memory', '128', '--cpus', '1', '--kernel', '/boot/vmlinuz']

describe('libvirt does not run', () => {
  it('what needs it says so and how to start it; queries and volumes go on', async () => {
    await using bench = await Bench.open()
    await bench.make('volume', 'create', '--size', '1', 'data')
    const socket = join(bench.folder, 'no-libvirt')
    await bench.refuses([...INSTANCE, '--volume', 'data'], {
      code: 'hypervisor-unavailable',
      exit: 7,
      says: [socket, /libvirt does not answer/],
      hint: /systemctl start libvirtd/,
      left: /nothing is left|nothing was touched/,
    })
    assert.deepEqual(await bench.ok<unknown[]>('instance', 'list'), [])
    assert.equal((await bench.ok('volume', 'show', 'data')).status, 'available')
    const status = await bench.run('host', 'status')
    assert.equal(status.code, 0)
    assert.match(status.stdout, /^libvirt +no +.*cannot connect to libvirt/m)
    const operations = await bench.ok<{ state: string }[]>('operation', 'list', '--all')
    assert.deepEqual(new Set(operations.map(({ state }) => state)), new Set(['rolled-back']))
  })
})

describe('a tool of the host is missing', () => {
  const without = (bench: Bench, tool: string) => {
    const path = execFileSync('/bin/sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim()
    return bench.with({ prefix: [NAMESPACE, 'cover', path, '--'] })
  }
  const missing = (tool: string) => ({
    code: 'command-missing',
    exit: 10,
    says: [`${tool} is not installed`],
    hint: /^install it: apt-get install /,
  })

  it('qemu-img: no copy, no image, and nothing half made', needsRoot, async () => {
    await using bench = await Bench.open()
    await bench.make('volume', 'create', '--size', '1', 'data')
    const image = join(bench.folder, 'image.raw')
    execFileSync('truncate', ['-s', '1M', image])
    const poor = without(bench, 'qemu-img')
    for (const args of [
      ['volume', 'create', '--size', '1', '--image', image, 'x'],
      ['volume', 'create', '--source', 'data', 'x'],
      ['snapshot', 'create', 'data'],
    ])
      await poor.refuses(args, missing('qemu-img'))
    await poor.make('volume', 'create', '--size', '1', 'plain')
  })

  it('cryptsetup: no encrypted volume, no key left over', needsRoot, async () => {
    await using bench = await Bench.open()
    await bench.make('volume', 'type', 'create', 'luks', '--encryption-provider', 'luks')
    await bench.make('volume', 'create', '--size', '1', '--type', 'luks', 'secret')
    const poor = without(bench, 'cryptsetup')
    for (const args of [
      ['volume', 'create', '--size', '1', '--type', 'luks', 'x'],
      ['volume', 'create', '--source', 'secret', 'x'],
      ['snapshot', 'create', 'secret'],
    ])
      await poor.refuses(args, missing('cryptsetup'))
    assert.match((await poor.run('host', 'status')).stdout, /^cryptsetup +no/m)
  })

  it('QEMU: the host says so, and queries go on', needsRoot, async () => {
    await using bench = await Bench.open({ env: { HOLDFAST_DOMAIN_TYPE: 'auto' } })
    const poor = without(bench, 'qemu-system-x86_64')
    assert.equal((await poor.run('instance', 'list')).code, 0)
    assert.match((await poor.run('host', 'status')).stdout, /^kvm +no/m)
  })
})

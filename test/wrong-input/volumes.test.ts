import { execFileSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Bench } from './bench.ts'

const RANGE = /integer from 1 to|whole number of GiB from 1 to/

describe('wrong sizes', () => {
  let bench: Bench
  before(async () => {
    bench = await Bench.open()
    await bench.make('volume', 'create', '--size', '2', 'data')
    await bench.make('snapshot', 'create', 'data', '--name', 'nightly')
  })
  after(async () => await bench[Symbol.asyncDispose]())

  it('zero, negative, fractional, and what is no number', async () => {
    for (const size of ['0', '-1', '1.5', '1e3', '0x10', 'ten', '', ' 1', '99999999999999999999', 'NaN', '20000']) {
      const refusal = { exit: 2, says: [RANGE] }
      const code = size === '20000' ? 'invalid-size' : 'usage'
      await bench.refuses(['volume', 'create', `--size=${size}`, 'x'], { ...refusal, code })
      await bench.refuses(['volume', 'extend', 'data', '--', size], { ...refusal, code })
    }
  })

  it('no size at all, and sizes below what is there', async () => {
    const refusal = { code: 'invalid-size', exit: 2 }
    await bench.refuses(['volume', 'create', 'x'], { ...refusal, says: [/a size is needed/] })
    for (const size of ['1', '2'])
      await bench.refuses(['volume', 'extend', 'data', size], { ...refusal, says: [/has 2 GiB; it can only grow/] })
    for (const from of [
      ['--source', 'data'],
      ['--snapshot', 'nightly'],
    ])
      await bench.refuses(['volume', 'create', '--size', '1', ...from], { ...refusal, says: [/fit into 1 GiB/] })
  })

  it('larger than the whole disk, or than what is promised of it', async () => {
    const noSpace = { code: 'no-space', exit: 11, says: [/fit/, /GiB/], hint: /smaller/ }
    await bench.refuses(['volume', 'create', '--size', '16384', 'x'], noSpace)
    await bench.refuses(['volume', 'extend', 'data', '16384'], noSpace)
    const strict = bench.with({ env: { HOLDFAST_OVERCOMMIT: 'false' } })
    await strict.refuses(['volume', 'create', '--size', '16384', 'x'], noSpace)
  })

  it('memory and processors that no machine has', async () => {
    const refusal = { code: 'usage', exit: 2, says: [/must be an integer from/], hint: /--help/ }
    for (const wrong of ['0', '-1', '0.5', 'much']) {
      await bench.refuses(['instance', 'create', 'x', `--memory=${wrong}`, '--cpus=1', '--kernel=/k'], refusal)
      await bench.refuses(['instance', 'create', 'x', '--memory=128', `--cpus=${wrong}`, '--kernel=/k'], refusal)
    }
  })

  it('a quota that is used up', async () => {
    const poor = bench.with({ env: { HOLDFAST_QUOTAS_VOLUMES: '1', HOLDFAST_QUOTAS_SNAPSHOTS: '1' } })
    const refusal = { code: 'over-quota', exit: 6, hint: /raise quotas\./ }
    await poor.refuses(['volume', 'create', '--size', '1', 'x'], {
      ...refusal,
      says: [/quota of volumes is 1, of which 1/],
    })
    await poor.refuses(['snapshot', 'create', 'data'], { ...refusal, says: [/quota of snapshots is 1, of which 1/] })
  })
})

describe('files that are no image', () => {
  let bench: Bench
  const at = (name: string) => join(bench.folder, name)
  const create = (path: string) => ['volume', 'create', '--size', '1', '--image', path, 'x']
  before(async () => {
    bench = await Bench.open()
    await mkdir(at('folder'))
    await writeFile(at('text'), 'not a disk\n')
    await writeFile(at('empty'), '')
    await writeFile(at('cut.qcow2'), Buffer.concat([Buffer.from('QFI\u{fb}', 'latin1'), Buffer.from([0, 0, 0, 3])]))
    await writeFile(at('large.raw'), '')
    execFileSync('truncate', ['-s', '2G', at('large.raw')])
    const made = (...args: string[]) => execFileSync('qemu-img', ['create', '-q', ...args])
    made('-f', 'qcow2', '-F', 'raw', '-b', '/etc/passwd', at('backed.qcow2'), '1M')
    made('-f', 'qcow2', '-o', `data_file=${at('data.raw')}`, at('elsewhere.qcow2'), '1M')
    made('-f', 'vmdk', at('image.vmdk'), '1M')
    await symlink('/nowhere', at('dangling'))
  })
  after(async () => await bench[Symbol.asyncDispose]())

  it('are refused by what they are', async () => {
    const reasons = {
      folder: /not a regular file/,
      text: /no raw disk/,
      empty: /it is empty/,
      'cut.qcow2': /cut off/,
      'image.vmdk': /its format is vmdk/,
    }
    for (const [name, why] of Object.entries(reasons))
      await bench.refuses(create(at(name)), {
        code: 'invalid-image',
        exit: 2,
        says: [at(name), why],
        hint: /raw or qcow2/,
      })
  })

  it('are refused if they would show other files of the host', async () => {
    for (const name of ['backed.qcow2', 'elsewhere.qcow2'])
      await bench.refuses(create(at(name)), {
        code: 'image-backing-file',
        exit: 9,
        says: [at(name), /other files of this host/],
        hint: /qemu-img convert/,
      })
  })

  it('are refused if they are not there or do not fit', async () => {
    for (const name of ['missing', 'dangling', 'a\nb<c>'])
      await bench.refuses(create(at(name)), { code: 'image-not-found', exit: 3, says: [/there is no image file/] })
    await bench.refuses(create(at('large.raw')), { code: 'invalid-size', exit: 2, says: [/2 GiB/, /fit into 1 GiB/] })
  })
})

describe('volumes in a state in which it is not allowed', () => {
  it('a volume with snapshots stays, and says which they are', async () => {
    await using bench = await Bench.open()
    await bench.make('volume', 'create', '--size', '1', 'data')
    const snapshot = await bench.make('snapshot', 'create', 'data', '--name', 'nightly')
    await bench.refuses(['volume', 'delete', 'data'], {
      code: 'invalid-volume',
      exit: 5,
      says: ['has snapshots', snapshot],
      hint: /delete its snapshots first/,
    })
  })

  it('a type that a volume has stays, and a name is taken once', async () => {
    await using bench = await Bench.open()
    await bench.make('volume', 'type', 'create', 'shared', '--multiattach')
    await bench.make('volume', 'create', '--size', '1', '--type', 'shared', 'data')
    await bench.refuses(['volume', 'type', 'delete', 'shared'], { code: 'conflict', exit: 4, says: ['shared'] })
    await bench.refuses(['volume', 'type', 'create', 'shared'], { code: 'conflict', exit: 4, says: ['shared'] })
  })
})

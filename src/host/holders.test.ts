import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { describeHolders, devicesOver, Holders, holdersOf } from './holders.ts'
import type { FileFacts, Host } from './host.ts'
import { createNodeHost } from './node-host.ts'

/** Paths of sysfs, proc and dev with what is in them; `block 7:0` and `file 5` stand for a device node and for a file. */
type Tree = Readonly<Record<string, string>>

function factsOf(content: string): FileFacts {
  const [what, number = ''] = content.split(' ')
  const common = { size: 0, allocated: 0, mode: 0o600, uid: 0, inode: '1:1' }
  if (what === 'block') return { ...common, kind: 'block', device: number }
  return { ...common, kind: 'file', device: '254:1', inode: what === 'file' ? `${number}:0` : '1:1' }
}

/** A host with these files; `trouble` has paths at which looking fails. */
function hostWith(tree: Tree, trouble: Readonly<Record<string, HoldfastError>> = {}): Host {
  const real = createNodeHost()
  const inside = (path: string) => Object.keys(tree).filter(other => other.startsWith(`${path}/`))
  const check = (path: string) => {
    if (trouble[path]) throw trouble[path]
  }
  return {
    ...real,
    run: async () => assert.fail('ran something'),
    files: {
      ...real.files,
      realPath: async path => path,
      async stat(path) {
        check(path)
        if (tree[path] !== undefined) return factsOf(tree[path])
        return inside(path).length > 0 ? { ...factsOf(''), kind: 'directory' } : undefined
      },
      async read(path) {
        check(path)
        return tree[path] === undefined ? undefined : Buffer.from(tree[path])
      },
      async list(path) {
        check(path)
        const names = new Set(inside(path).map(other => other.slice(path.length + 1).split('/')[0] ?? ''))
        if (names.size === 0) throw new HoldfastError('not-found', 'file-not-found', path)
        return [...names].sort()
      },
    },
  }
}

/** A block device as sysfs has it, by its name and by its number. */
function block(name: string, device: string, attributes: Tree = {}, over: readonly string[] = []): Tree {
  const entries = {
    ...attributes,
    dev: `${device}\n`,
    ...Object.fromEntries(over.map(other => [`holders/${other}`, ''])),
  }
  const at = [`/sys/class/block/${name}`, `/sys/dev/block/${device}`, `/sys/block/${name}`]
  const paths = at.flatMap(folder => Object.entries(entries).map(([path, text]) => [`${folder}/${path}`, text]))
  return { [`/dev/${name}`]: `block ${device}`, ...Object.fromEntries(paths) }
}

const dm = (name: string, uuid = '') => ({ 'dm/name': `${name}\n`, 'dm/uuid': `${uuid}\n` })
const lvm = (name: string) => dm(name, `LVM-${'a'.repeat(32)}${'b'.repeat(32)}`)

const mountinfo = (...lines: readonly string[]): Tree => ({ '/proc/self/mountinfo': `${lines.join('\n')}\n` })
const mount = (device: string, point: string, source = '/dev/x') =>
  `36 35 ${device} / ${point} rw,noatime shared:1 - ext4 ${source} rw`

const process = (pid: number, comm: string, opened: string, args: readonly string[] = [comm]): Tree => ({
  [`/proc/${pid}/comm`]: `${comm}\n`,
  [`/proc/${pid}/cmdline`]: `${args.join('\0')}\0`,
  [`/proc/${pid}/fd/3`]: opened,
})

const LOOP = (...over: readonly string[]) => block('loop0', '7:0', { 'loop/backing_file': '/pool/a\n' }, over)

describe('who holds a device', () => {
  const holders = async (...trees: readonly Tree[]) =>
    await holdersOf(hostWith(Object.assign({}, ...trees)), '/dev/loop0')

  it('nobody, or nothing that is there', async () => {
    assert.deepEqual(await holders(LOOP()), [])
    assert.deepEqual(await holdersOf(hostWith({}), '/dev/loop0'), [])
  })

  it('a mapping by its name', async () => {
    const mapping = block('dm-3', '253:3', dm('crypt-a', 'CRYPT-LUKS2-0a0b-crypt-a'))
    assert.deepEqual(await holders(LOOP('dm-3'), mapping), ['mapping crypt-a'])
  })

  it('a volume group by its name and that of its volume, dashes in them and all', async () => {
    const names = {
      'data-home': 'volume group data (logical volume home)',
      'my--data-ho--me': 'volume group my-data (logical volume ho-me)',
      'data---home': 'volume group data- (logical volume home)',
      'data-thin_tdata-real': 'volume group data (logical volume thin_tdata)',
    }
    for (const [name, words] of Object.entries(names)) {
      assert.deepEqual(await holders(LOOP('dm-3'), block('dm-3', '253:3', lvm(name))), [words])
    }
  })

  it('what has the UUID of LVM or the name, but not both, as a mapping', async () => {
    for (const attributes of [
      lvm('data'),
      lvm('a-b-c-d'),
      lvm('a b-c'),
      lvm('-a-b'),
      dm('data-home', 'CRYPT-PLAIN-x'),
    ]) {
      const name = attributes['dm/name'].trim()
      assert.deepEqual(await holders(LOOP('dm-3'), block('dm-3', '253:3', attributes)), [`mapping ${name}`])
    }
  })

  it('an array, a loop device over the device, another device', async () => {
    const found = await holders(
      LOOP('md127', 'bcache0', 'cciss!c0d0'),
      block('md127', '9:127', { 'md/level': 'raid1\n' }),
      block('bcache0', '252:0'),
      block('cciss!c0d0', '104:0'),
      block('loop7', '7:7', { 'loop/backing_file': '/dev/loop0\n' }),
    )
    const words = ['RAID array md127 (raid1)', 'device bcache0', 'device cciss/c0d0', 'loop device /dev/loop7']
    assert.deepEqual(found.toSorted(), words.toSorted())
  })

  it('a mount by its place, also of a file system with a number of its own', async () => {
    const mounts = mountinfo(
      mount('7:0', '/mnt/a\\040b'),
      mount('7:1', '/other'),
      mount('0:44', '/mnt/btrfs', '/dev/loop0'),
      mount('0:45', '/proc', 'proc'),
      mount('0:46', '/gone', '/dev/gone'),
      'garbage',
    )
    assert.deepEqual(await holders(LOOP(), mounts), ['a mount at /mnt/a b', 'a mount at /mnt/btrfs'])
  })

  it('active swap', async () => {
    const heading = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'
    const lines = '/dev/loop0                              partition\t1020\t\t0\t\t-2\n/swapfile  file 1 0 -3\n'
    assert.deepEqual(await holders(LOOP(), { '/proc/swaps': heading + lines }), ['active swap'])
  })

  it('a process that has it open, by whatever node, and no other', async () => {
    const found = await holders(
      LOOP(),
      process(12, 'dd', 'block 7:0'),
      process(13, 'cat', 'block 7:1'),
      process(14, 'less', 'file 7:0'),
    )
    assert.deepEqual(found, ['process 12 (dd)'])
  })

  it('those who have a file open, and the loop devices over it', async () => {
    const tree = {
      ...LOOP(),
      '/pool/a': 'file 5',
      ...process(12, 'qemu-img', 'file 5'),
      ...process(13, 'cat', 'file 6'),
    }
    assert.deepEqual(await holdersOf(hostWith(tree), '/pool/a'), ['loop device /dev/loop0', 'process 12 (qemu-img)'])
  })

  it('the domain of libvirt whose QEMU has it open', async () => {
    const qemu = (...args: readonly string[]) => process(12, 'qemu-system-x86', 'block 7:0', args)
    const emulator = '/usr/bin/qemu-system-x86_64'
    assert.deepEqual(await holders(LOOP(), qemu(emulator, '-name', 'guest=web-1,debug-threads=on', '-S')), [
      'domain web-1 (process 12)',
    ])
    assert.deepEqual(await holders(LOOP(), qemu('/usr/libexec/qemu-kvm', '-name', 'guest=a,,b,process=qemu:a,,b')), [
      'domain a,b (process 12)',
    ])
  })

  it('no domain where the argument list is not quite that of libvirt (I10)', async () => {
    const guest = 'guest=web-1'
    const lists = [
      ['/usr/bin/dd', '-name', guest],
      ['qemu-system-x86_64', '-S', guest],
      ['qemu-system-x86_64', '-name', 'web-1'],
      ['qemu-system-x86_64', '-name', 'guest='],
      ['qemu-system-x86_64', '-name'],
      ['qemu-system-x86_64', '-name', guest, '-name', guest],
      ['qemu-system-x86_64', '-name', 'guest=a/b'],
      ['qemu-system-x86_64', '-name', 'guest=a\u001b[2Jb'],
      ['qemu-system-x86_64', '-name', 'guest=a\nb'],
      ['qemu-system-x86_64', '-name', `guest=${'a'.repeat(256)}`],
      [],
    ]
    for (const args of lists) {
      assert.deepEqual(await holders(LOOP(), process(12, 'q', 'block 7:0', args)), ['process 12 (q)'], args.join(' '))
    }
  })

  it('shows no control character of anybody', async () => {
    const found = await holders(
      LOOP('dm-3'),
      block('dm-3', '253:3', dm('a\u001b[2Jb')),
      mountinfo(mount('7:0', '/mnt/\u001b[31m\\012x')),
      process(12, 'a\nb\u007f', 'block 7:0'),
    )
    assert.deepEqual(found, ['mapping a [2Jb', 'a mount at /mnt/ [31m x', 'process 12 (a b)'])
  })

  it('and who holds the holder', async () => {
    const found = await holders(
      LOOP('dm-3'),
      block('dm-3', '253:3', dm('crypt-a'), ['dm-4', 'dm-5']),
      block('dm-4', '253:4', lvm('data-home')),
      block('dm-5', '253:5', lvm('data-swap')),
      mountinfo(mount('253:4', '/home')),
      { '/proc/swaps': 'Filename\n/dev/dm-5 partition 1 0 -2\n' },
      process(12, 'dd', 'block 253:3'),
    )
    assert.deepEqual(found, [
      'mapping crypt-a, under volume group data (logical volume home), mounted at /home, ' +
        'under volume group data (logical volume swap), used as swap, open in process 12 (dd)',
    ])
  })

  it('a partition only if somebody uses it', async () => {
    const table = {
      ...LOOP(),
      ...Object.fromEntries([1, 2].map(n => [`/sys/dev/block/7:0/loop0p${n}/partition`, `${n}\n`])),
      ...block('loop0p1', '259:1', { partition: '1\n' }),
      ...block('loop0p2', '259:2', { partition: '2\n' }),
    }
    assert.deepEqual(await holders(table), [])
    assert.deepEqual(await holders(table, mountinfo(mount('259:2', '/mnt'))), ['partition loop0p2, mounted at /mnt'])
  })

  it('ends where devices go round in a ring, or are deeper than can be told', async () => {
    const ring = block('dm-3', '253:3', dm('a'), ['dm-4'])
    const found = await holders(LOOP('dm-3'), ring, block('dm-4', '253:4', dm('b'), ['dm-3']))
    assert.match(found.join(), /^mapping a, under mapping b, under mapping a/)
  })

  it('at most five', async () => {
    const trees = [1, 2, 3, 4, 5, 6, 7].map(n => process(n, 'dd', 'block 7:0'))
    assert.equal((await holders(LOOP(), ...trees)).length, 5)
  })

  it('leaves out what may not be looked at, or is gone meanwhile', async () => {
    const tree = { ...LOOP(), ...process(12, 'dd', 'block 7:0'), ...process(13, 'dd', 'block 7:0') }
    const trouble = {
      '/proc/12/fd': new HoldfastError('forbidden', 'forbidden', 'no'),
      '/proc/13/fd/3': new HoldfastError('host-command', 'io-error', 'no'),
      '/proc/self/mountinfo': new HoldfastError('not-found', 'file-not-found', 'no'),
    }
    assert.deepEqual(await holdersOf(hostWith(tree, trouble), '/dev/loop0'), [])
    const defect = { '/proc/12/fd': new HoldfastError('internal', 'internal', 'a defect') }
    await assert.rejects(holdersOf(hostWith(tree, defect), '/dev/loop0'), /a defect/)
  })

  it('looks at processes and mounts once, however many devices are asked for', async () => {
    const host = hostWith({ ...LOOP('dm-3'), ...block('dm-3', '253:3', dm('a')), ...process(12, 'dd', 'block 253:3') })
    const listed: string[] = []
    const list = async (path: string) => {
      listed.push(path)
      return await host.files.list(path)
    }
    const look = new Holders({ ...host, files: { ...host.files, list } })
    assert.deepEqual(await look.of('/dev/loop0'), ['mapping a, open in process 12 (dd)'])
    assert.deepEqual(await look.ofDevice('253:3'), ['process 12 (dd)'])
    assert.equal(listed.filter(path => path === '/proc').length, 1)
  })
})

it('what lies over a device is told without those who have the device itself', async () => {
  const tree = { ...LOOP('dm-3'), ...block('dm-3', '253:3', lvm('data-home')), ...process(12, 'dd', 'block 7:0') }
  const host = hostWith({ ...tree, ...mountinfo(mount('253:3', '/home')) })
  assert.deepEqual(await devicesOver(host, '7:0'), ['volume group data (logical volume home), mounted at /home'])
})

it('holders in a sentence', () => {
  assert.equal(describeHolders([]), 'held by something that does not show')
  assert.equal(describeHolders(['mapping a', 'process 1 (dd)']), 'held by mapping a, process 1 (dd)')
  assert.equal(
    describeHolders(['mapping a, mounted at /a', 'active swap']),
    'held by mapping a, mounted at /a; active swap',
  )
})

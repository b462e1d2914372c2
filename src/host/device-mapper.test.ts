import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { lowerDevice, Mappings, parseTarget, removeUnfinished } from './device-mapper.ts'
import type { CommandRequest, Host } from './host.ts'
import { createNodeHost } from './node-host.ts'

const LUKS2 = '0 98304 crypt aes-xts-plain64 :64:logon:cryptsetup:0a0b-d0 0 7:0 32768 1 sector_size:4096'
const LUKS1 = '0 2093056 crypt aes-xts-plain64 000000 0 253:17 4096'

describe('dmsetup output', () => {
  it('is read', () => {
    const crypt = { target: 'crypt', cipher: 'aes-xts-plain64' }
    assert.deepEqual(parseTarget(LUKS2), {
      ...crypt,
      sizeBytes: 98304 * 512,
      below: { device: '7:0', offsetBytes: 2 ** 24 },
    })
    assert.deepEqual(parseTarget(LUKS1), {
      ...crypt,
      sizeBytes: 2093056 * 512,
      below: { device: '253:17', offsetBytes: 2 ** 21 },
    })
    assert.deepEqual(parseTarget('0 2048 linear 7:1 0'), { target: 'linear', sizeBytes: 2 ** 20 })
  })

  it('is refused if it is anything else (I10), without showing a table that could hold a key', () => {
    const strange = (error: unknown) => hasCode(error, 'tool-output')
    for (const text of ['', '0 x crypt', 'x 1 linear']) assert.throws(() => parseTarget(text), strange, text)
    assert.throws(
      () => parseTarget('0 1 crypt aes 00112233 0 loop0 0'),
      (error: Error) => {
        assert.ok(strange(error))
        assert.ok(!error.message.includes('00112233'))
        return true
      },
    )
  })
})

const SYSFS = {
  '/sys/block/dm-3/dm/name': 'crypt-a',
  '/sys/block/dm-3/dm/uuid': 'CRYPT-LUKS2-0a0b-crypt-a',
  '/sys/block/dm-3/dev': '253:3',
  '/sys/block/dm-4/dm/name': 'lin',
  '/sys/block/dm-4/dm/uuid': '',
  '/sys/block/dm-4/dev': '253:4',
}

describe('what lies below a mapping', () => {
  const below = async (
    targets: readonly string[],
    sysfs: { links?: Record<string, string>; slaves?: string[] } = {},
  ) => {
    const real = createNodeHost()
    const files = {
      ...real.files,
      realPath: async (path: string) => sysfs.links?.[path],
      list: async (path: string) => {
        if (sysfs.slaves && path === '/sys/dev/block/253:3/slaves') return sysfs.slaves
        throw new HoldfastError('not-found', 'file-not-found', path)
      },
    }
    const mapping = { name: 'a', uuid: '', device: '253:3', targets: targets.map(parseTarget) }
    return await lowerDevice({ ...real, files }, mapping)
  }

  it('is told by its name, or by its number if sysfs has no name for it', async () => {
    const links = { '/sys/dev/block/7:0': '/sys/devices/virtual/block/loop0' }
    assert.equal(await below([LUKS2], { links }), '/dev/loop0')
    assert.equal(await below([LUKS2]), '7:0')
    assert.equal(await below([LUKS2], { links: { '/sys/dev/block/7:0': '/sys/x/cciss!c0d0' } }), '/dev/cciss/c0d0')
  })

  it('is found also where the table is none of crypt', async () => {
    const linear = ['0 2048 linear 7:1 0', '2048 10 linear 7:2 0']
    assert.equal(await below(linear, { slaves: ['loop1', 'loop2'] }), '/dev/loop1, /dev/loop2')
    assert.equal(await below(linear, { slaves: [] }), undefined)
    assert.equal(await below(linear), undefined)
  })
})

describe('looking for a mapping', () => {
  const host = (
    answer: (request: CommandRequest) => { exitCode: number; stdout: string },
    sysfs: () => Readonly<Record<string, string>> = () => SYSFS,
  ): Host => {
    const real = createNodeHost()
    return {
      ...real,
      files: {
        ...real.files,
        stat: async () => undefined,
        list: async () => [...new Set(Object.keys(sysfs()).map(path => path.split('/')[3] ?? '')), 'vda'],
        read: async path => (sysfs()[path] === undefined ? undefined : Buffer.from(`${sysfs()[path]}\n`)),
      },
      run: async request => ({ ...answer(request), stderr: '' }),
    }
  }
  const nothing = () => assert.fail('ran something')

  it('gives its table too', async () => {
    const found = host(() => ({ exitCode: 0, stdout: `crypt-a: ${LUKS1}\n` }))
    assert.deepEqual(await new Mappings(found).find('crypt-a'), {
      name: 'crypt-a',
      uuid: 'CRYPT-LUKS2-0a0b-crypt-a',
      device: '253:3',
      targets: [parseTarget(LUKS1)],
    })
  })

  it('runs nothing for one that is not there, nor where the kernel has no device-mapper', async () => {
    assert.equal(await new Mappings(host(nothing)).find('crypt-b'), undefined)
    assert.equal(await new Mappings(host(nothing, () => ({}))).find('crypt-a'), undefined)
    assert.deepEqual(await new Mappings(host(nothing, () => ({}))).list(), [])
  })

  it('reads all of them at once, with their tables', async () => {
    const all = host(() => ({
      exitCode: 0,
      stdout: `crypt-a: ${LUKS2}\nlin: 0 2048 linear 7:1 0\nlin: 2048 10 linear 7:2 0\nempty: \n`,
    }))
    assert.deepEqual(
      (await new Mappings(all).list()).map(({ name, targets }) => [name, targets.map(({ target }) => target)]),
      [
        ['crypt-a', ['crypt']],
        ['lin', ['linear', 'linear']],
      ],
    )
    await assert.rejects(new Mappings(host(() => ({ exitCode: 0, stdout: 'what is this' }))).list(), error =>
      hasCode(error, 'tool-output'),
    )
  })

  it('reads the tables once for all who ask at the same time, and anew for who asks later', async () => {
    let runs = 0
    const mappings = new Mappings(
      host(() => {
        runs++
        return { exitCode: 0, stdout: `crypt-a: ${LUKS1}\nlin: 0 2048 linear 7:1 0\n` }
      }),
    )
    const names = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? 'crypt-a' : 'lin'))
    const found = await Promise.all(names.map(name => mappings.find(name)))
    assert.deepEqual(
      found.map(mapping => mapping?.name),
      names,
    )
    // Whoever asked while the first was under way shared the second.
    assert.ok(runs <= 2, String(runs))
    const before = runs
    await mappings.find('lin')
    assert.equal(runs, before + 1)
  })

  it('gives one that has no table yet as it is', async () => {
    const begun = host(() => ({ exitCode: 0, stdout: 'crypt-a: \n' }))
    assert.deepEqual((await new Mappings(begun).find('crypt-a'))?.targets, [])
  })

  it('takes one that goes away meanwhile as gone, and one whose table cannot be had as an error', async () => {
    let gone = false
    const going = host(
      () => {
        gone = true
        return { exitCode: 0, stdout: '' }
      },
      () => (gone ? {} : SYSFS),
    )
    assert.equal(await new Mappings(going).find('crypt-a'), undefined)
    const failing = host(() => ({ exitCode: 0, stdout: '' }))
    await assert.rejects(new Mappings(failing).find('crypt-a'), error => hasCode(error, 'command-failed'))
  })
})

describe('a mapping that was begun', () => {
  const UUID = 'CRYPT-LUKS2-0a0b-crypt-a'
  const removing = async (info: string, more: { exitCode?: number; deviceMapper?: boolean } = {}) => {
    const real = createNodeHost()
    const ran: string[] = []
    const files = {
      ...real.files,
      stat: async () => (more.deviceMapper === false ? undefined : await real.files.stat('/')),
    }
    const run = async ({ args }: CommandRequest) => {
      ran.push(args[0] ?? '')
      return { exitCode: more.exitCode ?? 0, stdout: info, stderr: '' }
    }
    const isDone = await removeUnfinished({ ...real, files, run }, 'crypt-a', uuid => uuid === UUID)
    return [isDone, ran]
  }

  it('is removed before it has a table, or while the one that it has is not in use', async () => {
    for (const state of ['---w', '-I-w', '--sw']) {
      assert.deepEqual(await removing(`${UUID},${state}\n`), [true, ['info', 'remove']])
    }
  })

  it("stays when it has a table, or is somebody else's", async () => {
    for (const info of [`${UUID},L--w`, `${UUID},LIsr`, 'LVM-x,---w', ',---w']) {
      assert.deepEqual(await removing(`${info}\n`), [false, ['info']], info)
    }
  })

  it('is not looked for where there is no device-mapper, and may not be there', async () => {
    assert.deepEqual(await removing('', { deviceMapper: false }), [false, []])
    assert.deepEqual(await removing('', { exitCode: 1 }), [false, ['info']])
    await assert.rejects(removing('what is this'), error => hasCode(error, 'tool-output'))
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { findMapping, parseInfo, parseTarget, readMappings } from './device-mapper.ts'
import type { CommandRequest, Host } from './host.ts'
import { createNodeHost } from './node-host.ts'

const INFO = 'crypt-a|CRYPT-LUKS2-0a0b-crypt-a|253|3|1\nlin||253|4|0\n'
const LUKS2 = '0 98304 crypt aes-xts-plain64 :64:logon:cryptsetup:0a0b-d0 0 7:0 32768 1 sector_size:4096'
const LUKS1 = '0 2093056 crypt aes-xts-plain64 000000 0 253:17 4096'

describe('dmsetup output', () => {
  it('is read', () => {
    assert.deepEqual(parseInfo('No devices found\n'), [])
    assert.deepEqual(parseInfo(INFO), [
      { name: 'crypt-a', uuid: 'CRYPT-LUKS2-0a0b-crypt-a', device: '253:3', openCount: 1 },
      { name: 'lin', uuid: '', device: '253:4', openCount: 0 },
    ])
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
    for (const text of ['a', 'a|b|c|1|0', 'a|b|1|1', 'a|b|1|1|0|x', '|b|1|1|0'])
      assert.throws(() => parseInfo(text), strange, text)
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

describe('looking for a mapping', () => {
  const host = (answer: (request: CommandRequest) => { exitCode: number; stdout: string }, dm = true): Host => {
    const real = createNodeHost()
    return {
      ...real,
      files: { ...real.files, stat: async () => (dm ? await real.files.stat('/') : undefined) },
      run: async request => ({ ...answer(request), stderr: '' }),
    }
  }

  it('gives its table too', async () => {
    const found = host(({ args }) => ({ exitCode: 0, stdout: args[0] === 'table' ? LUKS1 : INFO }))
    const mapping = await findMapping(found, 'crypt-a')
    assert.deepEqual([mapping?.device, mapping?.openCount, mapping?.targets], ['253:3', 1, [parseTarget(LUKS1)]])
    assert.equal(await findMapping(found, 'crypt-b'), undefined)
  })

  it('finds none where the kernel has no device-mapper, and runs nothing', async () => {
    const none = host(() => assert.fail('ran something'), false)
    assert.equal(await findMapping(none, 'crypt-a'), undefined)
  })

  it('finds none where the node is there and no kernel behind it; any other failure is one', async () => {
    const failing = (words: string) =>
      host(() => {
        throw new HoldfastError('host-command', 'command-failed', `exit code 1 from dmsetup info: ${words}`)
      })
    const open = '/dev/mapper/control: open failed:'
    assert.deepEqual(await readMappings(failing(`${open} No such device; Command failed.`)), [])
    await assert.rejects(readMappings(failing(`${open} Permission denied`)), /Permission denied/)
  })

  it('takes one that goes away meanwhile as gone, and one whose table cannot be had as an error', async () => {
    let infos = 0
    const going = host(({ args }) =>
      args[0] === 'table' ? { exitCode: 1, stdout: '' } : { exitCode: 0, stdout: infos++ === 0 ? INFO : '' },
    )
    assert.equal(await findMapping(going, 'crypt-a'), undefined)
    const failing = host(({ args }) =>
      args[0] === 'table' ? { exitCode: 1, stdout: '' } : { exitCode: 0, stdout: INFO },
    )
    await assert.rejects(findMapping(failing, 'crypt-a'), error => hasCode(error, 'command-failed'))
  })
})

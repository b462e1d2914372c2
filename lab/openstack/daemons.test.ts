import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Daemons } from './daemons.ts'
import { isRunning, processOf } from './process-table.ts'
import { isFree, settle } from './settings.ts'

describe('daemons', () => {
  let dir = ''
  let port = 0
  let daemons: Daemons
  const listener = (configuration = '') => ({
    name: 'listener',
    argv: [process.execPath, '-e', `require('node:net').createServer().listen(${port}, '127.0.0.1')`],
    configuration,
  })

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'holdfast-daemons-'))
    port = (await settle({ dir, ceph: false })).ports.keystone
    daemons = new Daemons({ dir, env: {} })
  })
  afterEach(async () => {
    await daemons.stopRest()
    await rm(dir, { recursive: true })
  })

  test('run until they are stopped, and are started once', async () => {
    assert.equal(await daemons.start(listener()), 'made')
    await daemons.listens('listener', port)
    const { listener: pid } = await daemons.pids()

    assert.equal(await daemons.start(listener()), 'already')
    assert.deepEqual(await new Daemons({ dir, env: {} }).pids(), { listener: pid })
    assert.equal(await daemons.stop('listener'), 'made')

    assert.deepEqual(await daemons.left(), [])
    assert.equal(await isFree(port), true)
    assert.equal(await daemons.stop('listener'), 'already')
  })

  test('are started anew with another configuration', async () => {
    await daemons.start(listener('a'))
    const before = await daemons.pids()

    assert.equal(await daemons.start(listener('b')), 'made')

    assert.notDeepEqual(await daemons.pids(), before)
  })

  test('that end before they listen are told with their last words', async () => {
    await daemons.start({
      name: 'speaker',
      argv: [process.execPath, '-e', `setTimeout(() => console.log('farewell'))`],
    })

    await assert.rejects(daemons.listens('speaker', port), /speaker ended.*farewell/s)
  })

  test('of the same number but another start are not ours', async () => {
    const own = await processOf(process.pid)
    assert.ok(own)
    await daemons.start(listener())
    await daemons.stop('listener')
    const record = join(dir, 'run', 'listener.json')
    await writeFile(record, JSON.stringify({ ...own, startTime: '1', made: '' }))

    assert.deepEqual(await daemons.pids(), {})
    assert.equal(await daemons.stop('listener'), 'already')
  })

  test('leave nothing: what they started ends with them, and what nobody recorded is found', async () => {
    const child = `require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true })`
    await daemons.start({ name: 'parent', argv: [process.execPath, '-e', `${child}; console.log('there')`] })
    await until(async () => (await readFile(join(dir, 'log', 'parent.log'), 'utf8')).includes('there'))
    await daemons.stop('parent')
    const orphans = await daemons.left()
    assert.equal(orphans.length, 1)

    await daemons.stopRest()

    assert.deepEqual(await Promise.all(orphans.map(isRunning)), [false])
  })

  test('are not started any more once they are closed', async () => {
    daemons.close()

    await assert.rejects(daemons.start(listener()), /being stopped/)
    assert.deepEqual(await daemons.left(), [])
  })

  test('a command that fails tells its exit code and errors', async () => {
    const failing = daemons.run('command', [process.execPath, '-e', `console.error('no'); process.exitCode = 3`])

    await assert.rejects(failing, /exit 3.*\nno/s)
  })
})

test('a folder with something else in it is no place for a cloud', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-settle-'))
  await writeFile(join(dir, 'mine'), '')

  await assert.rejects(settle({ dir, ceph: false }), /something else/)

  await rm(dir, { recursive: true })
})

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setImmediate(resolve))
}

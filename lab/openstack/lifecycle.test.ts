import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { readPlaces, takenOf } from './settings.ts'
import { daemonsOf } from './up.ts'

const MAIN = new URL('./main.ts', import.meta.url).pathname
const SERVICES = ['barbican', 'cinder-api', 'cinder-scheduler', 'cinder-volume', 'compute', 'keystone']
const WITHOUT_CEPH = [...SERVICES, 'epmd', 'mariadb', 'rabbitmq'].toSorted()

/** Each test goes on where the one before it stopped. */
describe('a cloud of the command line', { timeout: 300_000 }, () => {
  let folder = ''
  let dir = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-lifecycle-'))
    dir = join(folder, 'cloud')
  })
  after(async () => {
    await cloud('down', '--purge')
    await rm(folder, { recursive: true })
  })
  const cloud = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args, '--dir', dir])
    return stdout
  }
  const factsOf = async (): Promise<{ projects: unknown; volume_types: unknown }> =>
    JSON.parse(await readFile(join(dir, 'lab.json'), 'utf8'))
  let first = {}

  test('starts, listens on its ports, and says how it is used', async () => {
    const told = await cloud('up', '--no-ceph')

    assert.match(told, new RegExp(`export OS_CLIENT_CONFIG_FILE=${dir}/clouds.yaml`))
    assert.match(await readFile(join(dir, 'clouds.yaml'), 'utf8'), /lab-small:/)
    assert.deepEqual(Object.keys(await daemonsOf(dir).pids()), WITHOUT_CEPH)
    assert.equal(await listening(dir), 8)
    first = await factsOf()
  })

  test('is the same when it is started again', async () => {
    const pids = await daemonsOf(dir).pids()

    await cloud('up', '--no-ceph')

    assert.deepEqual(await daemonsOf(dir).pids(), pids)
    assert.deepEqual(await factsOf(), first)
  })

  test('leaves no process and no port when it is stopped, and keeps its state', async () => {
    await cloud('down')

    assert.deepEqual(await daemonsOf(dir).left(), [])
    assert.equal(await listening(dir), 0)
    await access(join(dir, 'db', 'cinder'))
  })

  test('leaves nothing at all when it is thrown away, also if that is said twice', async () => {
    await cloud('down', '--purge')
    await cloud('down', '--purge')

    await assert.rejects(access(dir))
  })
})

test('a cloud that cannot be held does not wait to be let go', async () => {
  const child = spawn(process.execPath, [MAIN, 'up', '--hold'], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, TMPDIR: '/proc/no-such-folder' },
  })

  assert.deepEqual(await once(child, 'exit'), [1, null])
})

async function listening(dir: string): Promise<number> {
  const places = await readPlaces(dir)
  assert.ok(places)
  return (await takenOf(places)).length
}

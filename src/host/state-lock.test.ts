import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { readBootId } from './boot-id.ts'
import { TEMPORARY_SUFFIX } from './node-files.ts'
import { createNodeHost } from './node-host.ts'
import { lockState } from './state-lock.ts'

const host = createNodeHost()
let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-lock-'))
})
after(async () => await rm(folder, { recursive: true }))

/** Takes the lock and says so, or says why not. */
const HOLDER = `
  const { lockState } = await import(${JSON.stringify(import.meta.resolve('./state-lock.ts'))})
  const { createNodeHost } = await import(${JSON.stringify(import.meta.resolve('./node-host.ts'))})
  const taken = lockState(createNodeHost(), process.env.FOLDER, 'holdfast instance list')
  console.log(await taken.then(() => 'held', error => error.code))
  setInterval(() => {}, 1000)
`

/** Another process that wants the lock, and its answer. */
async function another() {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', HOLDER], {
    env: { FOLDER: folder, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout, 'data')
  const kill = async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return { said: String(said).trim(), kill }
}

describe('the lock of a state directory', () => {
  it('is taken once, names its holder, and is free again after its release', async () => {
    const lock = await lockState(host, folder, 'holdfast volume list')
    await assert.rejects(lockState(host, folder, 'second'), (error: HoldfastError) => {
      assert.equal(error.code, 'state-locked')
      assert.match(error.message, new RegExp(`in use by process ${process.pid} \\(holdfast volume list\\) since 20`))
      return true
    })
    lock.release()
    lock.release()
    using again = await lockState(host, folder, 'third')
    assert.ok(again)
  })

  it('says so when the holder has no readable name', async () => {
    using lock = await lockState(host, folder, 'first')
    assert.ok(lock)
    await writeFile(join(folder, 'lock.json'), '{"pid":')
    await assert.rejects(lockState(host, folder, 'second'), /in use by another process/)
  })

  it('dies with its process, even one that is killed', async () => {
    const { said, kill } = await another()
    assert.equal(said, 'held')
    await assert.rejects(lockState(host, folder, 'second'), error => hasCode(error, 'state-locked'))
    await kill()
    using lock = await lockState(host, folder, 'second')
    assert.ok(lock)
  })

  it('clears away what a process that died while it named itself has left', async () => {
    const half = join(folder, `lock.json.${host.random.uuid()}${TEMPORARY_SUFFIX}`)
    const others = join(folder, `kvm.json.${host.random.uuid()}${TEMPORARY_SUFFIX}`)
    for (const path of [half, others]) await writeFile(path, '{')
    using _lock = await lockState(host, folder, 'holdfast instance list')
    assert.deepEqual([await host.files.stat(half), (await host.files.stat(others))?.size], [undefined, 1])
    await host.files.remove(others)
  })

  it('is not lost when the same process asks for it again', async () => {
    using lock = await lockState(host, folder, 'first')
    assert.ok(lock)
    await assert.rejects(lockState(host, folder, 'second'), error => hasCode(error, 'state-locked'))
    const { said, kill } = await another()
    await kill()
    assert.equal(said, 'state-locked')
  })

  it('is a file that nobody else may read', async () => {
    using lock = await lockState(host, folder, 'first')
    assert.ok(lock)
    assert.equal((await host.files.stat(join(folder, 'lock.db')))?.mode, 0o600)
  })

  it('is refused where there is no such directory', async () => {
    await assert.rejects(lockState(host, join(folder, 'absent'), 'x'), error => error instanceof HoldfastError)
  })
})

describe('the boot id', () => {
  it('is the same until the next boot', async () => {
    assert.equal(await readBootId(host), await readBootId(host))
    const empty = { files: { ...host.files, read: async () => undefined } }
    await assert.rejects(readBootId(empty), error => hasCode(error, 'io-error'))
  })
})

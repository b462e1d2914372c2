import assert from 'node:assert/strict'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { HeldCloudError, holdCloud } from '#lab/openstack/held-cloud.ts'
import { cloudStage } from './cloud-stage.ts'

const READS = `import { test } from 'node:test'
  import assert from 'node:assert'
  test('knows the cloud', () => assert.equal(process.env.HOLDFAST_CLOUD_DIR, '/the/cloud'))`

describe('tests in a cloud', () => {
  let folder = ''
  let context: string | undefined
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-stage-'))
    await writeFile(join(folder, 'reads.test.mjs'), READS)
    // A test run inside a test run would report to the outer one.
    context = process.env.NODE_TEST_CONTEXT
    delete process.env.NODE_TEST_CONTEXT
  })
  after(async () => {
    if (context !== undefined) process.env.NODE_TEST_CONTEXT = context
    await rm(folder, { recursive: true })
  })
  const sets = () => [{ files: [join(folder, 'reads.test.mjs')], timeoutMs: 60_000 }]

  test('one cloud is started, however early, told to the files, and stopped', async () => {
    const seen: string[] = []
    const stage = cloudStage([...sets(), ...sets()], async () => {
      seen.push('held')
      return { dir: '/the/cloud', stop: async () => void seen.push('stopped') }
    })
    stage.prepare()

    const { report } = await stage.run()

    assert.deepEqual(seen, ['held', 'stopped'])
    assert.deepEqual([report.passed, report.failures], [3, []])
  })

  test('a cloud that does not end well is a failure beside what the tests say', async () => {
    const stop = () => Promise.reject(new HeldCloudError('a port is taken', 1))

    const { report } = await cloudStage(sets(), async () => ({ dir: '/the/cloud', stop })).run()

    assert.equal(report.passed, 1)
    assert.deepEqual(
      report.failures.map(({ reason }) => reason),
      ['a port is taken'],
    )
  })

  test("somebody else's cloud is left as it is", async () => {
    const { report } = await cloudStage(sets(), async () => ({ dir: '/the/cloud' })).run()

    assert.deepEqual([report.passed, report.failures], [1, []])
  })

  test('a cloud that does not start is a failure, one that may not be installed is skipped', async () => {
    const without = (exitCode: number) =>
      cloudStage(sets(), () => Promise.reject(new HeldCloudError('why', exitCode))).run()

    const [broken, missing] = [await without(1), await without(69)]

    assert.deepEqual([broken.report.failures.length, broken.report.skips.length], [1, 0])
    assert.deepEqual([missing.report.failures.length, missing.report.skips.length], [0, 1])
    assert.equal(missing.report.skips[0]?.reason, 'why')
  })
})

describe('a held cloud', () => {
  const held = (source: string) => holdCloud({ ceph: true, command: [process.execPath, '-e', source, '--'] })

  test('is let go by the end of its stdin, which also our own end would be', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-held-'))
    const gone = join(folder, 'gone')
    const cloud = await held(`console.log('ready /the/cloud')
      process.stdin.resume().on('end', () => fs.writeFileSync(${JSON.stringify(gone)}, ''))`)
    assert.equal(cloud.dir, '/the/cloud')
    await assert.rejects(access(gone))

    await cloud.stop()

    await access(gone)
    await rm(folder, { recursive: true })
  })

  test('that fails tells its exit code and what it said', async () => {
    const failing = held(`console.error('no such package'); process.exitCode = 69`)

    await assert.rejects(failing, error => {
      assert.ok(error instanceof HeldCloudError)
      assert.equal(error.exitCode, 69)
      assert.match(error.message, /no such package/)
      return true
    })
  })
})

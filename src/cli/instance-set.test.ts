import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fakeState, instance } from './testing/fake-holdfast.ts'
import { runCli } from './testing/run-cli.ts'

const B1 = 'b0000001-0000-4000-8000-000000000000'
const state = (record: Parameters<typeof instance>[0] = {}) => fakeState({ instances: [instance(record)] })
const WRONG = ['1001', '-1001', 'high', '1.5', '']

describe('instance set', () => {
  it('sets the priority', async () => {
    for (const priority of [100, -1000, 1000]) {
      const run = await runCli(`instance set web-1 --priority ${priority}`, { state: state() })
      assert.equal(run.code, 0, run.stderr)
      assert.equal(run.stdout, `instance web-1 has priority ${priority}\n`)
      assert.deepEqual(run.state.calls, [['instances.update', B1, { priority }]])
    }
  })

  it('tells what was so already', async () => {
    const run = await runCli('instance set web-1 --priority 7 --json', { state: state({ priority: 7 }) })
    const json = JSON.parse(run.stdout)
    assert.equal(json.priority, 7)
    assert.equal(json.change, 'already')
    const text = await runCli('instance set web-1 --priority 7', { state: state({ priority: 7 }) })
    assert.equal(text.stdout, 'instance web-1 has priority 7 already\n')
    const made = await runCli('instance set web-1 --priority 8 --json', { state: state({ priority: 7 }) })
    assert.equal(JSON.parse(made.stdout).change, 'made')
    assert.equal(JSON.parse(made.stdout).priority, 8)
  })

  it('plans with --dry-run and changes nothing', async () => {
    const run = await runCli('instance set web-1 --priority 5 --dry-run', { state: state() })
    assert.equal(run.stdout, 'would do:\n  set the priority of instance web-1 from 0 to 5\n')
    assert.deepEqual(run.state.calls, [])
    assert.deepEqual(
      run.opened.map(({ mode }) => mode),
      ['read'],
    )
    const same = await runCli('instance set web-1 --priority 0 --dry-run', { state: state() })
    assert.equal(same.stdout, 'would do:\n  nothing\n')
  })

  it('refuses what is no priority, none at all, and an instance that is not there', async () => {
    for (const priority of WRONG) {
      const run = await runCli(['instance', 'set', 'web-1', '--priority', priority, '--json'], { state: state() })
      assert.equal(run.code, 2)
      assert.match(JSON.parse(run.stderr).error.message, /--priority.*integer from -1000 to 1000/)
      assert.deepEqual(run.state.calls, [])
    }
    const none = await runCli('instance set web-1', { state: state() })
    assert.equal(none.code, 2)
    assert.match(none.stderr, /nothing to set/)
    assert.deepEqual(none.opened, [])
    assert.equal((await runCli('instance set other --priority 1', { state: state() })).code, 3)
  })
})

describe('priority of instance create', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-priority-'))
  })
  after(() => rm(folder, { recursive: true }))

  const create = async (argv: readonly string[], yaml = 'memory: 64\ncpus: 1\n') => {
    await writeFile(join(folder, 'spec.yaml'), yaml)
    const run = await runCli(['instance', 'create', 'x', '-f', 'spec.yaml', ...argv], { workingDirectory: folder })
    const [call] = run.state.calls
    return { run, request: call?.[1] as { priority?: number } | undefined }
  }

  it('comes from the option, else from the spec file, else is not given', async () => {
    const yaml = 'memory: 64\ncpus: 1\npriority: -3\n'
    assert.equal((await create([], yaml)).request?.priority, -3)
    assert.equal((await create(['--priority', '0'], yaml)).request?.priority, 0)
    const { request } = await create([])
    assert.ok(request !== undefined && !('priority' in request))
  })

  it('is refused out of range', async () => {
    for (const priority of WRONG) {
      const { run } = await create(['--priority', priority])
      assert.equal(run.code, 2)
      assert.deepEqual(run.opened, [])
    }
    for (const priority of ['1001', '-1001', 'high', '1.5']) {
      const { run } = await create([], `memory: 64\ncpus: 1\npriority: ${priority}\n`)
      assert.equal(run.code, 2)
      assert.match(run.stderr, /priority.*integer from -1000 to 1000/s)
    }
  })
})

describe('what is shown of an instance', () => {
  it('has a priority where it is not 0', async () => {
    const shared = fakeState({
      instances: [instance(), instance({ id: `${B1.slice(0, -1)}1`, name: 'dns', priority: 9 })],
    })
    const list = (await runCli('instance list', { state: shared })).stdout
    assert.match(list, /POWER +PRIORITY +CPUS/)
    assert.match(list, /web-1 +ACTIVE +running +- /)
    assert.match(list, /dns +ACTIVE +running +9 /)
    assert.match((await runCli('instance show dns', { state: shared })).stdout, /^priority +9$/m)
    assert.doesNotMatch((await runCli('instance list', { state: state() })).stdout, /PRIORITY/)
    assert.doesNotMatch((await runCli('instance show web-1', { state: state() })).stdout, /priority/)
    assert.equal(JSON.parse((await runCli('instance show web-1 --json', { state: state() })).stdout).priority, 0)
  })

  it('has what it waits for behind the status', async () => {
    for (const taskState of ['waiting-for-key', 'waiting-for-volume-service'] as const) {
      const waiting = () => state({ status: 'SHUTOFF', taskState })
      assert.match(
        (await runCli('instance list', { state: waiting() })).stdout,
        new RegExp(`web-1 +SHUTOFF ${taskState} `),
      )
      assert.match(
        (await runCli('instance show web-1', { state: waiting() })).stdout,
        new RegExp(`^status +SHUTOFF ${taskState}$`, 'm'),
      )
      const json = JSON.parse((await runCli('instance show web-1 --json', { state: waiting() })).stdout)
      assert.equal(json['OS-EXT-STS:task_state'], taskState)
      assert.equal(json.status, 'SHUTOFF')
    }
    const painted = await runCli('instance show web-1', {
      state: state({ status: 'SHUTOFF', taskState: 'waiting-for-key' }),
      tty: true,
    })
    assert.ok(painted.stdout.includes('\u001b[33mSHUTOFF waiting-for-key'))
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { fakeState, instance, volume } from './testing/fake-holdfast.ts'
import { runCli, stopButton } from './testing/run-cli.ts'

const A2 = 'a0000002-0000-4000-8000-000000000000'

const two = () => [
  volume(),
  volume({ id: A2, name: 'data-2', status: 'in-use', size: 200, encrypted: true, volumeType: 'luks2' }),
]

describe('the command line', () => {
  it('helps', async () => {
    for (const line of ['--help', 'help', 'volume --help', 'volume create --help', 'help volume type create', '-h']) {
      const run = await runCli(line)
      assert.equal(run.code, 0, line)
      assert.match(run.stdout, /^Usage: holdfast/)
      assert.equal(run.stderr, '')
      assert.deepEqual(run.opened, [])
    }
    assert.match((await runCli('help volume create')).stdout, /Examples:\n {2}holdfast volume create --size 10/)
  })

  it('has a version', async () => {
    for (const line of ['--version', '-V', 'volume list --version']) {
      assert.match((await runCli(line)).stdout, /^holdfast \d+\.\d+\.\d+\n$/)
    }
  })

  it('ends with 2 for what it does not know, and says what was meant', async () => {
    for (const [line, message] of [
      ['', /^error: a command is missing\nhint: holdfast --help\n$/],
      ['volume', /^error: volume: a verb is missing\nhint: holdfast volume --help\n$/],
      ['volume type', /^error: volume type: a verb is missing/],
      ['volum list', /unknown command 'volum'\nhint: did you mean volume\?/],
      ['volume lst', /unknown command 'lst'\nhint: did you mean list\?/],
      ['volume create --siz 1', /unknown option '--siz'\nhint: did you mean --size\?/],
      ['volume show', /missing required argument 'VOLUME'/],
      ['volume show a b', /too many arguments/],
      ['volume create --size 1.5 x', /integer from 1/],
      ['volume create --size 1 --image a --source b', /cannot be used with/],
      ['instance stop x --now --grace 3', /cannot be used with/],
      ['instance reboot x --force', /--force goes with --hard/],
      ['volume type create x --cipher y', /go with --encryption-provider/],
      ['volume type create x --encryption-provider rot13', /Allowed choices are luks, luks2/],
    ] as const) {
      const run = await runCli(line)
      assert.equal(run.code, 2, line)
      assert.match(run.stderr, message)
      assert.equal(run.stdout, '')
      assert.doesNotMatch(run.stderr, /\n\s+at /)
    }
  })

  it('tells usage errors as JSON too', async () => {
    const { error } = JSON.parse((await runCli('volume lst --json')).stderr)
    assert.equal(error.code, 'usage')
    assert.equal(error.kind, 'invalid-input')
    assert.equal(error.exit_code, 2)
  })

  it('configures the state it opens', async () => {
    const { opened } = await runCli('volume list --state here')
    assert.match(opened[0]?.config.stateDirectory ?? '', /\/here$/)
    assert.equal((await runCli('volume list --config /nowhere.yaml')).code, 2)
  })

  it('prints notes of the opening, as JSON lines with --json', async () => {
    const open: NonNullable<Parameters<typeof runCli>[1]>['open'] = async (_, { onNote }) => {
      onNote?.('finished an interrupted attach')
      throw new HoldfastError('unavailable', 'hypervisor-unavailable', 'libvirt does not answer')
    }
    const run = await runCli('instance list', { open })
    assert.equal(run.stderr, 'note: finished an interrupted attach\nerror: libvirt does not answer\n')
    assert.equal(run.code, 7)
    const lines = (await runCli('instance list --json', { open })).stderr.trim().split('\n')
    assert.deepEqual(
      lines.map(line => Object.keys(JSON.parse(line))),
      [['note'], ['error']],
    )
  })

  it('closes the state after a failure, and does not hide the failure by that of closing', async () => {
    const state = fakeState({ volumes: two() })
    assert.equal((await runCli('volume show zzz', { state })).code, 3)
    assert.equal(state.closed, 1)
  })

  it('tells a defect in a line, and more only when asked', async () => {
    const open = async () => {
      throw new TypeError('x is undefined')
    }
    const run = await runCli('volume list', { open })
    assert.equal(run.code, 1)
    assert.doesNotMatch(run.stderr, /cli\.test/)
    assert.match((await runCli('volume list', { open, env: { HOLDFAST_DEBUG: '1' } })).stderr, /cli\.test\.ts:\d+/)
    assert.doesNotMatch((await runCli('volume list', { open, env: { HOLDFAST_DEBUG: '0' } })).stderr, /cli\.test/)
  })
})

describe('Ctrl-C', () => {
  const waiting = (settle: (signal: AbortSignal) => Error) => {
    const started = Promise.withResolvers<void>()
    const state = fakeState({ instances: [instance()] })
    state.work = (_, { signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(settle(signal)), { once: true })
        started.resolve()
      })
    return { state, started: started.promise }
  }

  it('lets the operation end cleanly, and tells what it left', async () => {
    const rolledBack = (signal: AbortSignal) =>
      new HoldfastError('internal', 'interrupted', 'stopped', { cause: signal.reason, details: { left: 'nothing' } })
    const { state, started } = waiting(rolledBack)
    const button = stopButton()
    const run = runCli('instance start web-1', { state, onStop: button.onStop })
    await started
    button.press()
    const { code, stderr } = await run
    assert.equal(code, 130)
    assert.match(stderr, /stopping: what was begun is undone, or kept/)
    assert.equal(state.closed, 1)
  })

  it('is told as being stopped when the work only says that it was aborted', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      const { state, started } = waiting(() => new DOMException('This operation was aborted', 'AbortError'))
      const button = stopButton()
      const run = runCli('instance start web-1 --json', { state, onStop: button.onStop })
      await started
      button.press(signal)
      const done = await run
      assert.equal(done.code, code)
      assert.deepEqual(JSON.parse(done.stderr).error.message, `stopped by ${signal}`)
      assert.equal(JSON.parse(done.stderr).error.exit_code, code)
    }
  })

  it('does not spoil what was finished in spite of it', async () => {
    const state = fakeState({ instances: [instance()] })
    const button = stopButton()
    state.work = async () => {
      button.press()
      return undefined
    }
    const run = await runCli('instance start web-1', { state, onStop: button.onStop })
    assert.equal(run.code, 0)
    assert.equal(run.stdout, 'instance web-1 is started\n')
  })
})

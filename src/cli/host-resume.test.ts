import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import type { ResumedInstance } from '#src/engine/host-api.ts'
import { fakeState, instance, operation } from './testing/fake-holdfast.ts'
import { fakeHostState, resumed, resumeReport } from './testing/fake-host.ts'
import { runCli, stopButton } from './testing/run-cli.ts'

const B2 = 'b0000002-0000-4000-8000-000000000000'
const C1 = 'c0000001-0000-4000-8000-000000000000'

const away = {
  kind: 'unavailable',
  code: 'key-manager-unavailable',
  message: 'no answer',
  left: 'what was done and undone',
  hint: 'start it',
} as const
const lost = { kind: 'not-found', code: 'storage-missing', message: 'no file', left: 'a tap' } as const

const every: readonly ResumedInstance[] = [
  resumed({ priority: 10 }),
  resumed({ id: B2, name: 'web-2', outcome: 'running', finishedAfterMs: 20, workMs: 10, operationId: undefined }),
  resumed({ name: 'web-3', outcome: 'stopped-itself', operationId: undefined }),
  resumed({ name: 'web-4', outcome: 'waiting-for-key', error: away }),
  resumed({ name: 'web-5', outcome: 'waiting-for-volume-service', error: { ...away, message: 'gone away' } }),
  resumed({ name: 'web-6', outcome: 'failed', error: lost, notes: ['pulled the plug'] }),
]

const stateOf = (instances: readonly ResumedInstance[], more: Parameters<typeof resumeReport>[0] = {}) =>
  fakeState({ host: fakeHostState({ report: resumeReport({ instances, ...more }) }) })

describe('host resume', () => {
  it('tells that all are back', async () => {
    const run = await runCli('host resume', { state: stateOf(every.slice(0, 3)) })
    assert.equal(run.code, 0)
    assert.equal(
      run.stdout,
      [
        'INSTANCE  PRIORITY  OUTCOME          AFTER    WORK  REASON',
        'web-1           10  resumed         2.10 s  1.50 s  -',
        'web-2            0  running              -       -  -',
        'web-3            0  stopped-itself       -       -  -',
        '',
        '1 back, 0 waiting, 0 failed, 1 running already, 1 off by itself and left off; it took 3.20 s',
        '',
      ].join('\n'),
    )
    assert.equal(
      run.stderr,
      '✔ instance web-1 is back after 2.10 s\n' +
        '✔ instance web-2 runs already\n' +
        '– instance web-3 went off by itself since the host booted, and is left off\n',
    )
    assert.deepEqual(
      run.opened.map(({ mode }) => mode),
      ['write'],
    )
  })

  it('ends with 21 and every reason if some are not back', async () => {
    const run = await runCli('host resume', { state: stateOf(every) })
    assert.equal(run.code, 21)
    assert.match(run.stdout, /^web-4 +0 +waiting-for-key +- +1\.50 s +no answer$/m)
    assert.match(run.stdout, /^web-6 +0 +failed +2\.10 s +1\.50 s +no file$/m)
    assert.match(run.stdout, /\nweb-4: hint: start it\n/)
    assert.match(run.stdout, /\nweb-6: left: a tap\n/)
    assert.doesNotMatch(run.stdout, /web-4: left/)
    assert.match(run.stdout, /\n1 back, 2 waiting, 1 failed, 1 running already, 1 off by itself and left off; it took/)
    assert.match(
      run.stderr,
      /… instance web-4 is waiting-for-key: no answer\n {2}waiting up to 1800 s; Ctrl-C ends the wait/,
    )
    assert.match(run.stderr, /… instance web-5 is waiting-for-volume-service: gone away\n/)
    assert.match(run.stderr, /✘ instance web-6 did not come back: no file\n/)
    assert.match(run.stderr, /note: web-6: pulled the plug\n/)
  })

  it('ends with 21 for each outcome that is none to be content with', async () => {
    for (const one of every) {
      const expected = ['resumed', 'running', 'stopped-itself'].includes(one.outcome) ? 0 : 21
      assert.equal((await runCli('host resume', { state: stateOf([one]) })).code, expected, one.outcome)
    }
  })

  it('tells of a waiting one once, however often it is tried again', async () => {
    const [waiting = resumed(), back = resumed()] = [every[3], every[0]]
    const state = stateOf([back])
    state.host.told = [waiting, { ...waiting, finishedAfterMs: 9000 }, back]
    const run = await runCli('host resume', { state })
    assert.equal(run.stderr.match(/is waiting-for-key/g)?.length, 1)
    assert.equal(run.stderr.match(/waiting up to/g)?.length, 1)
    assert.equal(run.code, 0)
  })

  it('tells of unfinished operations above, ended or not', async () => {
    const operations = [
      { operation: operation({ kind: 'attach', state: 'rolled-back' }) },
      { operation: operation({ kind: 'stop', instanceName: 'lab', state: 'stuck' }), error: lost },
    ]
    const ended = await runCli('host resume', { state: stateOf([], { operations: operations.slice(0, 1) }) })
    assert.equal(ended.code, 0)
    assert.match(
      ended.stdout,
      /^UNFINISHED OPERATION +WHAT +INSTANCE +ENDED AS +REASON\nc0000001\S+ +attach +web-1 +rolled-back +-\n/,
    )
    assert.match(ended.stdout, /no instance is to come back/)
    const left = await runCli('host resume', { state: stateOf([], { operations }) })
    assert.equal(left.code, 21)
    assert.match(left.stdout, /stop +lab +unfinished +no file\n/)
    assert.match(left.stdout, /lab: left: a tap\n/)
  })

  it('shows the steps, and neither steps nor lines with --quiet', async () => {
    const state = stateOf(every.slice(0, 1))
    state.work = async (_, { observer }) => {
      const step = {
        operationId: C1,
        operation: 'resume',
        instance: 'web-1',
        step: 1,
        action: 'unlock',
        subject: 'a',
      } as const
      observer?.({ ...step, title: 'unlock volume data-1', outcome: { state: 'done', change: 'made', ms: 20 } })
      return undefined
    }
    assert.match((await runCli('host resume', { state })).stderr, /✔ web-1: unlock volume data-1 0\.02 s\n/)
    assert.equal((await runCli('host resume --quiet', { state })).stderr, '')
  })

  it('waits as long as it is told', async () => {
    for (const [line, waitMs] of [
      ['host resume', 1_800_000],
      ['host resume --wait 0', 0],
      ['host resume --wait 90', 90_000],
    ] as const) {
      assert.deepEqual((await runCli(line)).state.calls, [['host.resume', { waitMs }]])
    }
    const env = { HOLDFAST_STATE: '/state', HOLDFAST_DEADLINES_RESUME: '0' }
    const run = await runCli('host resume', { env, state: stateOf(every) })
    assert.deepEqual(run.state.calls, [['host.resume', { waitMs: 0 }]])
    assert.doesNotMatch(run.stderr, /waiting up to/)
  })

  it('refuses a wait that is none', async () => {
    for (const wait of ['-1', '86401', 'long', '1.5', '']) {
      for (const more of [[], ['--json']]) {
        const run = await runCli(['host', 'resume', '--wait', wait, ...more])
        assert.equal(run.code, 2, wait)
        assert.equal(run.stdout, '')
        assert.match(run.stderr, /integer from 0 to 86400/)
        assert.deepEqual(run.opened, [])
        if (more.length > 0) assert.equal(JSON.parse(run.stderr).error.code, 'usage')
      }
    }
  })

  it('prints all of it as JSON', async () => {
    const operations = [{ operation: operation({ state: 'stuck' }), error: lost }]
    const run = await runCli('host resume --json', { state: stateOf(every, { operations }) })
    assert.equal(run.code, 21)
    assert.equal(run.stderr, '')
    const json = JSON.parse(run.stdout)
    const { instances, operations: ended, ...rest } = json
    assert.deepEqual(rest, {
      boot_id: 'boot',
      started_at: '2026-11-22T12:00:00.000000',
      duration_ms: 3200,
      summary: { back: 1, running: 1, stopped_itself: 1, waiting: 2, failed: 1, interrupted: 0 },
    })
    assert.equal(ended[0].operation.state, 'stuck')
    assert.deepEqual(ended[0].error, {
      code: 'storage-missing',
      kind: 'not-found',
      message: 'no file',
      left: 'a tap',
      hint: null,
    })
    assert.deepEqual(
      instances.map(({ outcome }: { outcome: string }) => outcome),
      every.map(({ outcome }) => outcome),
    )
    assert.deepEqual(instances[1], {
      id: B2,
      name: 'web-2',
      priority: 0,
      outcome: 'running',
      finished_after_ms: 20,
      work_ms: 10,
      operation_id: null,
      error: null,
      notes: [],
    })
    assert.equal(instances[0].operation_id, C1)
    assert.equal(instances[3].error.code, 'key-manager-unavailable')
    assert.deepEqual(instances[5].notes, ['pulled the plug'])
  })
})

describe('host resume and Ctrl-C', () => {
  const stoppedRun = async (line: string, instances: readonly ResumedInstance[]) => {
    const state = stateOf(instances)
    const button = stopButton()
    state.work = async (_, { signal }) => {
      button.press()
      assert.equal(signal?.aborted, true)
      return undefined
    }
    return await runCli(line, { state, onStop: button.onStop })
  }
  const interrupted = { kind: 'busy', code: 'interrupted', message: 'stopped by SIGINT' } as const

  it('leaves waiting ones waiting and says how to go on', async () => {
    const unbegun = resumed({ name: 'web-7', outcome: 'failed', error: interrupted })
    const run = await stoppedRun('host resume', [...every.slice(0, 4), unbegun])
    assert.equal(run.code, 130)
    assert.match(run.stdout, /web-4 +0 +waiting-for-key/)
    assert.match(run.stdout, /web-7 +0 +interrupted/)
    assert.match(run.stdout, /1 back, 1 waiting, 0 failed, 1 interrupted, 1 running already/)
    assert.match(run.stderr, /↩ instance web-7 was not brought back: stopped by SIGINT\n/)
    assert.match(run.stderr, /error: stopped by SIGINT\nleft: those that are back stay; those that waited still wait/)
    assert.match(run.stderr, /hint: `holdfast host resume` goes on from here\n$/)
  })

  it('prints report and error as JSON', async () => {
    const run = await stoppedRun('host resume --json', every.slice(0, 4))
    assert.equal(run.code, 130)
    assert.equal(JSON.parse(run.stdout).summary.waiting, 1)
    assert.equal(JSON.parse(run.stderr).error.code, 'interrupted')
    assert.equal(JSON.parse(run.stderr).error.exit_code, 130)
  })

  it('is a success if all were back in spite of it', async () => {
    assert.equal((await stoppedRun('host resume', every.slice(0, 1))).code, 0)
  })

  it('tells a failure of the whole as such', async () => {
    const state = stateOf([])
    state.work = async () => {
      throw new HoldfastError('unavailable', 'hypervisor-unavailable', 'libvirt does not answer')
    }
    const run = await runCli('host resume', { state })
    assert.equal(run.code, 7)
    assert.equal(run.stdout, '')
  })
})

describe('host resume --dry-run', () => {
  const before = { bootId: 'earlier', status: 'ACTIVE' } as const
  const gone = { power: 'none' } as const
  const views = [
    instance({ ...before, name: 'late', priority: -5 }, gone),
    instance({ ...before, name: 'first', priority: 9 }, gone),
    instance({ ...before, name: 'b' }, { power: 'shutoff' }),
    instance({ ...before, name: 'a', bootId: 'boot', status: 'SHUTOFF', taskState: 'waiting-for-key' }, gone),
    instance({ ...before, name: 'broken', bootId: 'boot', status: 'ERROR' }, gone),
    instance({ ...before, name: 'never', bootId: undefined }, gone),
    instance({ ...before, name: 'off', wanted: 'stopped' }, gone),
    instance({ ...before, name: 'up' }, { power: 'running' }),
    instance({ ...before, name: 'asleep' }, { power: 'paused' }),
    instance({ ...before, name: 'crashed', bootId: 'boot' }, { power: 'crashed' }),
  ]
  const unfinished = [
    operation({ kind: 'attach', instanceName: 'b', state: 'running', finishedAt: undefined }),
    operation({ kind: 'stop', instanceName: 'off', state: 'stuck' }),
    operation(),
  ]

  it('says who would come back, in which order, and what is unfinished; and reads only', async () => {
    const run = await runCli('host resume --dry-run', {
      state: fakeState({ instances: views, operations: unfinished }),
    })
    assert.equal(run.code, 0)
    assert.equal(
      run.stdout,
      [
        'would do:',
        '  end attach of instance b (interrupted), begun 2026-11-22T12:00:00.000Z',
        '  end stop of instance off (stuck), begun 2026-11-22T12:00:00.000Z',
        '  bring instance first back (priority 9)',
        '  bring instance a back (priority 0, waiting-for-key)',
        '  bring instance b back (priority 0)',
        '  bring instance broken back (priority 0)',
        '  bring instance never back (priority 0)',
        '  bring instance late back (priority -5)',
        '',
      ].join('\n'),
    )
    assert.match(run.stderr, /note: instance asleep runs and would not be touched\n/)
    assert.match(run.stderr, /note: instance crashed went off by itself .* reboot --hard crashed` starts it\n/)
    assert.deepEqual(run.state.calls, [])
    assert.deepEqual(
      run.opened.map(({ mode }) => mode),
      ['read'],
    )
  })

  it('is a plan as JSON', async () => {
    const run = await runCli('host resume --dry-run --json', { state: fakeState({ instances: views.slice(0, 1) }) })
    assert.deepEqual(JSON.parse(run.stdout), {
      kind: 'host-resume',
      instance: null,
      steps: [
        {
          action: 'resume-instance',
          subject: 'b0000001-0000-4000-8000-000000000000',
          title: 'bring instance late back (priority -5)',
          depth: 0,
        },
      ],
      problems: [],
    })
  })

  it('cannot say it if the hypervisor does not answer', async () => {
    const run = await runCli('host resume --dry-run', {
      state: fakeState({ instances: [instance(before, { power: undefined })] }),
    })
    assert.equal(run.code, 20)
    assert.match(run.stdout, /does not say whether instance web-1 runs\n {4}hint: holdfast host status/)
  })
})

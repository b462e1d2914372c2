import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import type { DrilledInstance } from '#src/engine/host-api.ts'
import { fakeState } from './testing/fake-holdfast.ts'
import { drilled, drillReport, fakeHostState } from './testing/fake-host.ts'
import { runCli } from './testing/run-cli.ts'

const missing = { kind: 'not-found', code: 'storage-missing', message: 'no file /pool/b', hint: 'bring it' } as const
const wrongKey = { kind: 'forbidden', code: 'key-wrong', message: 'the key opens no slot' } as const
const unready = { ready: false, problems: [missing, wrongKey, missing], predictedBackAfterMs: undefined } as const

const web1 = drilled({ priority: 10 })
const web2 = drilled({ name: 'web-2', predictedMs: 1200, predictedBackAfterMs: 1800 })
const broken = drilled({ name: 'broken', ...unready })
const lab = drilled({ name: 'lab', wanted: 'stopped', ...unready })
const spare = drilled({ name: 'spare', wanted: 'stopped', predictedBackAfterMs: undefined })

const stateOf = (instances: readonly DrilledInstance[], more: Parameters<typeof drillReport>[0] = {}) =>
  fakeState({ host: fakeHostState({ drill: drillReport({ instances, ...more }) }) })

describe('host drill', () => {
  it('says when each would be back, and the whole host', async () => {
    const run = await runCli('host drill', { state: stateOf([web1, web2, spare]) })
    assert.equal(run.code, 0)
    assert.equal(
      run.stdout,
      `INSTANCE  WANTED   READY  OWN TIME  BACK AFTER  PROBLEMS
web-1     running  yes      0.90 s      0.90 s  -
web-2     running  yes      1.20 s      1.80 s  -
spare     stopped  yes      0.90 s           -  -

all 2 instances would be back after 1.80 s
computed from the times of keys and key slots as measured now, and 0.70 s for each start of a domain (the median of late, by the journal)
`,
    )
    assert.deepEqual(
      run.opened.map(({ mode }) => mode),
      ['read'],
    )
    assert.match(run.stderr, /^✔ instance web-1 would start, 0\.90 s by itself\n/)
  })

  it('ends with 21 and says who would not come back, why, and what to do', async () => {
    const domainStart = { ms: 1000, from: 'assumption' } as const
    const run = await runCli('host drill', { state: stateOf([web1, broken, lab], { domainStart }) })
    assert.equal(run.code, 21)
    assert.match(run.stdout, /^broken +running +no +- +- +storage-missing, key-wrong$/m)
    assert.match(
      run.stdout,
      /\nwould not come back:\n {2}broken\n {4}✘ no file \/pool\/b\n {6}hint: bring it\n {4}✘ the key opens no slot\n/,
    )
    assert.match(run.stdout, /\ncould not be started:\n {2}lab\n/)
    assert.match(
      run.stdout,
      /\n1 of 2 instances would be back after 1\.80 s\n.*1\.00 s .*\(assumed: the journal has no start\)\n/,
    )
    assert.match(run.stderr, /✘ instance broken: no file \/pool\/b\n/)
  })

  it('counts only those that are wanted running', async () => {
    for (const [instances, code, last] of [
      [[web1], 0, /\nthe instance would be back after 1\.80 s\n/],
      [[broken], 21, /\nno instance would come back\n$/],
      [[lab], 0, /\nno instance is wanted running\n$/],
      [[], 0, /^there are no instances\n$/],
    ] as const) {
      const run = await runCli('host drill', { state: stateOf(instances) })
      assert.equal(run.code, code)
      assert.match(run.stdout, last)
    }
  })

  it('prints all of it as JSON', async () => {
    const volumes = [
      { volumeId: 'v1', target: 'vda', mechanism: 'dm-crypt', keyMs: 3, unlockMs: 20, memoryBytes: 1024 },
      { volumeId: 'v2', target: 'vdb', mechanism: undefined },
    ] as const
    const run = await runCli('host drill --json', { state: stateOf([{ ...web1, volumes }, lab]) })
    assert.equal(run.code, 0)
    assert.equal(run.stderr, '')
    assert.deepEqual(JSON.parse(run.stdout), {
      started_at: '2026-11-22T12:00:00.000000',
      duration_ms: 400,
      instances: [
        {
          id: web1.id,
          name: 'web-1',
          priority: 10,
          wanted: 'running',
          ready: true,
          problems: [],
          volumes: [
            {
              volume_id: 'v1',
              device: '/dev/vda',
              encryption_mechanism: 'dm-crypt',
              key_ms: 3,
              unlock_ms: 20,
              memory_bytes: 1024,
            },
            {
              volume_id: 'v2',
              device: '/dev/vdb',
              encryption_mechanism: null,
              key_ms: null,
              unlock_ms: null,
              memory_bytes: null,
            },
          ],
          predicted_ms: 900,
          predicted_back_after_ms: 900,
        },
        {
          id: lab.id,
          name: 'lab',
          priority: 0,
          wanted: 'stopped',
          ready: false,
          problems: [
            { code: 'storage-missing', kind: 'not-found', message: 'no file /pool/b', left: null, hint: 'bring it' },
            { code: 'key-wrong', kind: 'forbidden', message: 'the key opens no slot', left: null, hint: null },
            { code: 'storage-missing', kind: 'not-found', message: 'no file /pool/b', left: null, hint: 'bring it' },
          ],
          volumes: [],
          predicted_ms: 900,
          predicted_back_after_ms: null,
        },
      ],
      predicted_ms: 1800,
      domain_start: { ms: 700, from: 'journal' },
    })
  })

  it('tells a failure of the whole as such', async () => {
    const state = stateOf([])
    state.work = async () => {
      throw new HoldfastError('unavailable', 'hypervisor-unavailable', 'libvirt does not answer')
    }
    const run = await runCli('host drill --json', { state })
    assert.equal(run.code, 7)
    assert.equal(run.stdout, '')
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import type { Finding } from '#src/engine/host-api.ts'
import { fakeState } from './testing/fake-holdfast.ts'
import { fakeHostState, finding, hostCheck } from './testing/fake-host.ts'
import { runCli } from './testing/run-cli.ts'

const wrongDisk = finding({
  id: 'disk-wrong-source:m1',
  code: 'disk-wrong-source',
  danger: 'high',
  object: 'disk vdb of domain web-1',
  owner: 'instance web-1, volume data-1',
  message: 'the guest of instance web-1 has /dev/sdz as vdb, not /dev/loop3',
  mend: { by: 'operator', title: 'rebuild the instance', commands: ['holdfast instance reboot --hard web-1'] },
})
const notBack = finding({
  id: 'instance-not-back:b1',
  code: 'instance-not-back',
  danger: 'medium',
  object: 'domain web-2',
  owner: 'instance web-2',
  message: 'instance web-2 is wanted running and does not run',
  mend: { by: 'fix', title: 'bring the instance back', steps: ['what a hard reboot does'] },
})
const loop = finding()
const secretGone = finding({ id: 'secret-missing:m2', object: 'disk vdc', mend: { by: 'nobody' } })
const foreign = finding({
  id: 'mapping-foreign:home',
  danger: 'none',
  object: 'mapping home',
  owner: "not Holdfast's",
  message: 'crypt mapping home over /dev/sda3',
  mend: { by: 'nobody' },
})
const all = [wrongDisk, notBack, loop, secretGone, foreign]
const dead = { kind: 'unavailable', code: 'hypervisor-unavailable', message: 'no libvirt', hint: 'start it' } as const

interface FixedJson {
  readonly finding: { readonly id: string }
  readonly outcome: string
  readonly error: { readonly code: string } | null
}

const stateOf = (findings: readonly Finding[], more: Parameters<typeof fakeHostState>[0] = {}) =>
  fakeState({ host: fakeHostState({ checks: [hostCheck({ findings })], ...more }) })
/** No live line between what is looked for. */
const DUMB = { HOLDFAST_STATE: '/state', TERM: 'dumb' }
const modes = (run: { opened: readonly { mode: string }[] }) => run.opened.map(({ mode }) => mode)

describe('host check', () => {
  it('says in a line that nothing is wrong, and what was looked at', async () => {
    const run = await runCli('host check')
    assert.equal(run.code, 0)
    assert.equal(
      run.stdout,
      'nothing is wrong: looked at 2 instances, 2 domains, 1 crypt mapping, 3 loop devices, 0 secrets, 2 taps, 3 attachments\n',
    )
    assert.deepEqual(modes(run), ['read'])
  })

  it('groups by danger, what is not ours last', async () => {
    const run = await runCli('host check', { state: stateOf(all) })
    assert.equal(run.code, 22)
    assert.equal(
      run.stdout,
      `high: data may come to harm, or be read by who should not
  disk vdb of domain web-1 (instance web-1, volume data-1)
    the guest of instance web-1 has /dev/sdz as vdb, not /dev/loop3
    for you to decide: rebuild the instance
      holdfast instance reboot --hard web-1
    disk-wrong-source:m1

medium: an instance does not run as recorded, or its next start would fail
  domain web-2 (instance web-2)
    instance web-2 is wanted running and does not run
    --fix would: bring the instance back
      what a hard reboot does
    instance-not-back:b1

low: space or a name is taken up; the next operation on it would clean up
  loop device /dev/loop3 (volume data-1)
    /dev/loop3 is attached to /pool/a of volume data-1, though no instance has it
    --fix would: detach the loop device
      detach /dev/loop3
    loop-leftover:/dev/loop3
  disk vdc (volume data-1)
    /dev/loop3 is attached to /pool/a of volume data-1, though no instance has it
    secret-missing:m2

not Holdfast's, left alone:
  crypt mapping home over /dev/sda3

4 differences (1 high, 1 medium, 2 low); \`holdfast host check --fix\` would mend 2; looked at 2 instances, 2 domains, 1 crypt mapping, 3 loop devices, 0 secrets, 2 taps, 3 attachments
`,
    )
    assert.deepEqual(run.state.calls, [])
  })

  it('ends with 22 for each danger but none', async () => {
    for (const one of all) {
      const run = await runCli('host check', { state: stateOf([one]) })
      assert.equal(run.code, one.danger === 'none' ? 0 : 22, one.danger)
      assert.match(run.stdout, one.danger === 'none' ? /\nnothing is wrong: / : /^1 difference \(1 /m)
    }
  })

  it('says what could not be looked at, and does not end as if all were well', async () => {
    const checks = [hostCheck({ findings: [foreign], blind: [{ part: 'domains', error: dead }] })]
    const run = await runCli('host check', { state: stateOf([], { checks }) })
    assert.equal(run.code, 7)
    assert.match(
      run.stdout,
      /could not be looked at, so nothing is said of it:\n {2}domains: no libvirt\n {4}hint: start it\n/,
    )
    assert.match(run.stdout, /\nnothing is wrong in what could be looked at: looked at 2 instances, 1 crypt mapping, /)
    const both = [hostCheck({ findings: [loop], blind: [{ part: 'domains', error: dead }] })]
    assert.equal((await runCli('host check', { state: stateOf([], { checks: both }) })).code, 22)
  })

  it('prints all of it as JSON', async () => {
    const checks = [hostCheck({ findings: all, blind: [{ part: 'domains', error: dead }] })]
    const run = await runCli('host check --json', { state: stateOf([], { checks }) })
    assert.equal(run.code, 22)
    assert.equal(run.stderr, '')
    const { findings, ...rest } = JSON.parse(run.stdout)
    assert.deepEqual(rest, {
      checked_at: '2026-11-22T12:00:00.000000',
      blind: [
        {
          part: 'domains',
          error: {
            code: 'hypervisor-unavailable',
            kind: 'unavailable',
            message: 'no libvirt',
            left: null,
            hint: 'start it',
          },
        },
      ],
      looked: { instances: 2, domains: 2, mappings: 1, loops: 3, secrets: 0, taps: 2, attachments: 3 },
    })
    assert.deepEqual(findings[0], {
      id: 'disk-wrong-source:m1',
      code: 'disk-wrong-source',
      danger: 'high',
      object: 'disk vdb of domain web-1',
      owner: 'instance web-1, volume data-1',
      message: 'the guest of instance web-1 has /dev/sdz as vdb, not /dev/loop3',
      mend: {
        by: 'operator',
        title: 'rebuild the instance',
        steps: [],
        commands: ['holdfast instance reboot --hard web-1'],
      },
    })
    assert.deepEqual(findings.map(({ mend }: { mend: unknown }) => mend).slice(2, 4), [
      { by: 'fix', title: 'detach the loop device', steps: ['detach /dev/loop3'], commands: [] },
      { by: 'nobody', title: null, steps: [], commands: [] },
    ])
  })

  it('makes names from outside visible', async () => {
    const run = await runCli('host check', { state: stateOf([finding({ object: 'loop\u001b[2J', danger: 'high' })]) })
    assert.match(run.stdout, /loop\\u\{1b\}\[2J/)
  })

  it('refuses options that go with --fix', async () => {
    for (const option of ['--yes', '--only x', '--dry-run']) {
      for (const json of ['', ' --json']) {
        const run = await runCli(`host check ${option}${json}`)
        assert.equal(run.code, 2)
        assert.match(run.stderr, new RegExp(`${option.split(' ')[0]} goes with --fix`))
        assert.deepEqual(run.opened, [])
        if (json !== '') assert.equal(JSON.parse(run.stderr).error.code, 'usage')
      }
    }
  })
})

describe('host check --fix', () => {
  const healed = () => stateOf([], { checks: [hostCheck({ findings: all }), hostCheck({ findings: [wrongDisk] })] })
  const both = ['host.fix', ['instance-not-back:b1', 'loop-leftover:/dev/loop3']]

  it('mends what can be mended, and checks again', async () => {
    const run = await runCli('host check --fix --yes', { state: healed() })
    assert.deepEqual(run.state.calls, [both])
    assert.deepEqual(modes(run), ['write'])
    assert.equal(run.code, 22)
    assert.match(run.stdout, /^✔ fixed: domain web-2\n✔ fixed: loop device \/dev\/loop3\n\nhigh: /)
    assert.match(run.stdout, /1 difference \(1 high\); looked at/)
  })

  it('ends with 0 once nothing is wrong', async () => {
    const state = stateOf([], { checks: [hostCheck({ findings: [loop] }), hostCheck()] })
    const run = await runCli('host check --fix --yes', { state })
    assert.equal(run.code, 0)
    assert.match(run.stdout, /^✔ fixed: loop device \/dev\/loop3\n\nnothing is wrong: /)
  })

  it('tells each outcome, for people and as JSON', async () => {
    const busy = { kind: 'busy', code: 'device-busy', message: 'vg0/root holds it', hint: 'deactivate it' } as const
    const state = () =>
      stateOf([], {
        checks: [hostCheck({ findings: [notBack, loop] }), hostCheck()],
        fix: ([one = loop, other = loop]) => [
          { finding: one, outcome: 'gone' },
          { finding: other, outcome: 'failed', error: busy },
        ],
      })
    const run = await runCli('host check --fix --yes', { state: state() })
    assert.equal(run.code, 22)
    assert.match(
      run.stdout,
      /^– gone already: domain web-2\n✘ not fixed: loop device \/dev\/loop3: vg0\/root holds it\n {2}hint: deactivate it\n/,
    )
    const json = JSON.parse((await runCli('host check --fix --yes --json', { state: state() })).stdout)
    assert.deepEqual(Object.keys(json), ['fixed', 'checked_at', 'findings', 'blind', 'looked'])
    assert.deepEqual(
      json.fixed.map((one: FixedJson) => [one.finding.id, one.outcome, one.error?.code ?? null]),
      [
        ['instance-not-back:b1', 'gone', null],
        ['loop-leftover:/dev/loop3', 'failed', 'device-busy'],
      ],
    )
  })

  it('mends only those that are named, also by the beginning of the id', async () => {
    for (const only of ['--only loop-leftover:/dev/loop3', '--only loop', '--only loop --only loop-left']) {
      const run = await runCli(`host check --fix --yes ${only}`, { state: healed() })
      assert.deepEqual(run.state.calls, [['host.fix', ['loop-leftover:/dev/loop3']]])
    }
  })

  it('refuses to mend what it does not know, what is meant twice, and what is not for it to mend', async () => {
    const twice = [loop, finding({ id: 'loop-leftover:/dev/loop30' })]
    for (const [only, findings, code, exit, hint] of [
      ['nothing', all, 'finding-not-found', 3, /host check` shows/],
      ['', all, 'finding-not-found', 3, /host check` shows/],
      ['loop-left', twice, 'ambiguous-name', 4, /the whole id/],
      [
        'disk-wrong-source:m1',
        all,
        'finding-not-fixable',
        5,
        /rebuild the instance: holdfast instance reboot --hard web-1/,
      ],
      ['mapping-foreign:home', all, 'finding-not-fixable', 5, /nothing has to be done/],
    ] as const) {
      for (const how of ['--yes', '--dry-run']) {
        const argv = ['host', 'check', '--fix', how, '--only', 'instance-not-back:b1', '--only', only, '--json']
        const run = await runCli(argv, { state: stateOf([...findings, ...(findings === all ? [] : [notBack])]) })
        const { error } = JSON.parse(run.stderr)
        assert.equal(error.code, code)
        assert.equal(run.code, exit)
        assert.match(error.hint, hint)
        assert.equal(run.stdout, '')
        assert.deepEqual(run.state.calls, [])
      }
    }
    const exact = await runCli('host check --fix --yes --only loop-leftover:/dev/loop3', { state: stateOf(twice) })
    assert.deepEqual(exact.state.calls, [['host.fix', ['loop-leftover:/dev/loop3']]])
  })

  it('shows with --dry-run what would be done, and reads only', async () => {
    const run = await runCli('host check --fix --dry-run', { state: stateOf(all) })
    assert.equal(run.code, 0)
    assert.equal(
      run.stdout,
      `would do:
  bring the instance back: domain web-2 (instance web-2)
    what a hard reboot does
  detach the loop device: loop device /dev/loop3 (volume data-1)
    detach /dev/loop3
`,
    )
    assert.deepEqual(run.state.calls, [])
    assert.deepEqual(modes(run), ['read'])
    const json = JSON.parse((await runCli('host check --fix --dry-run --json', { state: stateOf(all) })).stdout)
    assert.equal(json.kind, 'host-check-fix')
    assert.equal(json.steps.length, 4)
    assert.equal(json.steps[0].subject, 'instance-not-back:b1')
    const nothing = await runCli('host check --fix --dry-run', { state: stateOf([wrongDisk]) })
    assert.equal(nothing.stdout, 'would do:\n  nothing\n')
  })

  it('refuses before anything is touched where nobody can be asked', async () => {
    for (const setup of [{}, { typed: 'yes\n', json: true }]) {
      const argv = `host check --fix${'json' in setup ? ' --json' : ''}`
      const { typed } = { typed: undefined, ...setup }
      const run = await runCli(argv, { state: stateOf(all), ...(typed === undefined ? {} : { typed }) })
      assert.equal(run.code, 2)
      assert.deepEqual(run.opened, [])
      assert.equal(run.stdout, '')
      if ('json' in setup) assert.equal(JSON.parse(run.stderr).error.code, 'not-confirmed')
      else assert.match(run.stderr, /no terminal to ask on\nhint: --dry-run shows .* --yes does it/)
    }
  })

  it('asks on a terminal and mends after a yes', async () => {
    const run = await runCli('host check --fix', { state: healed(), typed: 'yes\n', env: DUMB })
    assert.deepEqual(run.state.calls, [both])
    assert.equal(
      run.stderr,
      `would do:
  bring the instance back: domain web-2 (instance web-2)
    what a hard reboot does
  detach the loop device: loop device /dev/loop3 (volume data-1)
    detach /dev/loop3
do these 2? [y/N] `,
    )
  })

  it('does nothing after any other answer', async () => {
    for (const typed of ['no\n', 'n\n', '\n', '', 'maybe\nperhaps\nwell\nyes\n']) {
      const run = await runCli('host check --fix', { state: healed(), typed })
      assert.deepEqual(run.state.calls, [], JSON.stringify(typed))
      assert.match(run.stderr, /note: nothing was done\n$/)
      assert.match(run.stdout, /^high: /)
      assert.equal(run.code, 22)
    }
  })

  it('asks nothing if there is nothing that it could mend', async () => {
    const run = await runCli('host check --fix', { state: stateOf([wrongDisk]), typed: '', env: DUMB })
    assert.equal(run.stderr, '')
    assert.match(run.stdout, /^there is nothing that --fix could mend\n\nhigh: /)
    assert.equal(run.code, 22)
    assert.deepEqual(run.state.calls, [])
    const json = await runCli('host check --fix --yes --json', { state: stateOf([]) })
    assert.deepEqual(JSON.parse(json.stdout).fixed, [])
    assert.equal(json.code, 0)
  })

  it('tells a failure of the whole as such', async () => {
    const state = healed()
    state.work = async kind => {
      if (kind === 'host-fix') throw new HoldfastError('busy', 'state-locked', 'in use')
      return undefined
    }
    const run = await runCli('host check --fix --yes --json', { state })
    assert.equal(run.code, 12)
    assert.equal(run.stdout, '')
    assert.equal(JSON.parse(run.stderr).error.code, 'state-locked')
  })
})

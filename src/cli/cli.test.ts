import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { fakeState, instance, operation, snapshot, volume, volumeType } from './testing/fake-holdfast.ts'
import { runCli, stopButton } from './testing/run-cli.ts'
import { volumeJson } from './views.ts'

const A1 = 'a0000001-0000-4000-8000-000000000000'
const A2 = 'a0000002-0000-4000-8000-000000000000'
const B1 = 'b0000001-0000-4000-8000-000000000000'
const C1 = 'c0000001-0000-4000-8000-000000000000'

const two = () => [
  volume(),
  volume({ id: A2, name: 'data-2', status: 'in-use', size: 200, encrypted: true, volumeType: 'luks2' }),
]

describe('volume list', () => {
  it('is a table', async () => {
    const run = await runCli('volume list', { state: fakeState({ volumes: two() }) })
    assert.equal(run.code, 0)
    assert.equal(run.stderr, '')
    assert.deepEqual(run.stdout.split('\n'), [
      'ID                                    NAME    STATUS        SIZE  TYPE   ENCRYPTED  ATTACHED TO',
      `${A1}  data-1  available   10 GiB  -      -          -`,
      `${A2}  data-2  in-use     200 GiB  luks2  yes        -`,
      '',
    ])
    assert.deepEqual(
      run.opened.map(({ mode }) => mode),
      ['read'],
    )
    assert.equal(run.state.closed, 1)
  })

  it('is an array with --json, wherever that stands', async () => {
    for (const line of ['volume list --json', '--json volume list', 'volume --json list']) {
      const run = await runCli(line, { state: fakeState({ volumes: two() }) })
      assert.deepEqual(JSON.parse(run.stdout), JSON.parse(JSON.stringify(two().map(volumeJson))))
    }
  })

  it('is nothing on stdout and a friendly line on stderr if there are none', async () => {
    const run = await runCli('volume list')
    assert.equal(run.stdout, '')
    assert.match(run.stderr, /^There are no volumes\. Create one: holdfast volume create/)
    assert.equal(run.code, 0)
    assert.equal((await runCli('volume list --quiet')).stderr, '')
    assert.deepEqual(await runCli('volume list --json').then(({ stdout, stderr }) => [stdout, stderr]), ['[]\n', ''])
  })

  it('has colours only on a terminal that wants them', async () => {
    const state = () => fakeState({ volumes: two() })
    const coloured = async (line: string, setup: Parameters<typeof runCli>[1]) =>
      (await runCli(line, { state: state(), ...setup })).stdout.includes('\u001b[')
    assert.equal(await coloured('volume list', { tty: true }), true)
    assert.equal(await coloured('volume list', { tty: false }), false)
    assert.equal(await coloured('volume list --no-color', { tty: true }), false)
    assert.equal(await coloured('volume list', { tty: true, env: { NO_COLOR: '1' } }), false)
    assert.equal(await coloured('volume list', { tty: true, env: { NO_COLOR: '' } }), true)
    assert.equal(await coloured('volume list', { tty: true, env: { TERM: 'dumb' } }), false)
  })
})

describe('volume verbs', () => {
  it('show takes a name, an id or the beginning of one', async () => {
    for (const text of ['data-1', A1, 'a0000001', 'data-1']) {
      const run = await runCli(['volume', 'show', text, '--json'], { state: fakeState({ volumes: two() }) })
      assert.equal(JSON.parse(run.stdout).id, A1)
    }
    const fields = await runCli('volume show data-2', { state: fakeState({ volumes: two() }) })
    assert.match(fields.stdout, /^status +in-use$/m)
    assert.match(fields.stdout, /^encrypted +yes$/m)
  })

  it('show says who else could be meant, or that there is none', async () => {
    const ambiguous = await runCli('volume show data', { state: fakeState({ volumes: two() }) })
    assert.equal(ambiguous.code, 4)
    assert.match(
      ambiguous.stderr,
      /^error: "data" could mean 2 volumes: a0000001.*\(data-1\), a0000002.*\(data-2\)\nhint: /,
    )
    const unknown = await runCli(`volume show ${B1} --json`)
    assert.equal(unknown.code, 3)
    assert.equal(unknown.stdout, '')
    assert.equal(JSON.parse(unknown.stderr).error.code, 'volume-not-found')
  })

  it('create passes on what was given', async () => {
    const state = fakeState({ types: [volumeType()], snapshots: [snapshot()], volumes: two() })
    const run = await runCli(
      'volume create --size 5 --type luks2 --image disk.raw --multiattach --availability-zone z new',
      {
        state,
        workingDirectory: '/srv',
      },
    )
    assert.equal(run.code, 0, run.stderr)
    await runCli('volume create --snapshot night', { state })
    await runCli('volume create --source data-2 copy', { state })
    const nothing = {
      name: undefined,
      size: undefined,
      volumeType: undefined,
      availabilityZone: undefined,
      multiattach: undefined,
      snapshotId: undefined,
      sourceVolumeId: undefined,
      imageFile: undefined,
    }
    assert.deepEqual(state.calls, [
      [
        'volumes.create',
        {
          ...nothing,
          name: 'new',
          size: 5,
          volumeType: 'luks2',
          availabilityZone: 'z',
          multiattach: true,
          imageFile: '/srv/disk.raw',
        },
      ],
      ['volumes.create', { ...nothing, snapshotId: '50000001-0000-4000-8000-000000000000' }],
      ['volumes.create', { ...nothing, name: 'copy', sourceVolumeId: A2 }],
    ])
    assert.deepEqual(
      run.opened.map(({ mode }) => mode),
      ['write'],
    )
    assert.match(run.stdout, /^name +new$/m)
  })

  it('extend, delete and types do what they say', async () => {
    const state = fakeState({ volumes: two(), types: [volumeType()], snapshots: [snapshot()] })
    const runs = [
      await runCli('volume extend data-1 20', { state }),
      await runCli('volume delete data-1', { state }),
      await runCli('volume type create luks --encryption-provider luks --key-size 256', { state }),
      await runCli('volume type delete luks2', { state }),
      await runCli('snapshot create data-2 --force --name s1', { state }),
      await runCli('snapshot delete nightly', { state }),
    ]
    assert.deepEqual(
      runs.map(({ code }) => code),
      [0, 0, 0, 0, 0, 0],
    )
    assert.deepEqual(state.calls, [
      ['volumes.extend', A1, 20],
      ['volumes.delete', A1],
      [
        'volumes.createVolumeType',
        { name: 'luks', encryption: { provider: 'luks', cipher: undefined, keySize: 256 }, multiattach: undefined },
      ],
      ['volumes.deleteVolumeType', '70000001-0000-4000-8000-000000000000'],
      ['volumes.createSnapshot', A2, { force: true, name: 's1' }],
      ['volumes.deleteSnapshot', '50000001-0000-4000-8000-000000000000'],
    ])
    assert.equal(runs[1]?.stdout, 'volume data-1 is deleted\n')
  })

  it('delete takes no abbreviated name', async () => {
    const state = fakeState({ volumes: [volume()] })
    const run = await runCli('volume delete dat', { state })
    assert.equal(run.code, 3)
    assert.match(run.stderr, /did you mean a0000001.*\(data-1\)\?/)
    assert.deepEqual(state.calls, [])
  })
})

describe('--dry-run', () => {
  const state = () =>
    fakeState({
      volumes: two(),
      snapshots: [snapshot({ volumeId: A1 })],
      types: [volumeType()],
      instances: [instance()],
      operations: [operation({ state: 'stuck' })],
      limits: { volumes: 2, gigabytes: 220, snapshots: 1 },
    })
  const changing = [
    ['volume create --size 1 x', 20, /quota of volumes is 2/],
    ['volume create --size 5 --snapshot nightly x', 20, /does not fit into 5 GiB/],
    ['volume create --size 1 --image /nowhere/disk.raw x', 20, /no image file \/nowhere\/disk\.raw/],
    ['volume create --size 1 -- -x', 20, /not a valid name/],
    ['volume delete data-1', 20, /has snapshots: nightly/],
    ['volume delete data-2', 20, /is 'in-use'/],
    ['volume extend data-1 5', 20, /can only grow/],
    ['volume extend data-1 20', 0, /from 10 to 20 GiB/],
    ['volume extend data-1 100', 20, /quota of gigabytes/],
    ['volume type create luks2', 20, /there is a volume type luks2 already/],
    ['volume type create x --encryption-provider luks2 --multiattach', 20, /both encrypted and multiattach/],
    ['volume type delete luks2', 20, /in use by data-2/],
    ['snapshot create data-2', 20, /is 'in-use'/],
    ['snapshot create data-2 --force', 20, /quota of snapshots/],
    ['snapshot delete nightly', 0, /delete snapshot nightly/],
    ['instance create x --memory 64 --cpus 1', 0, /connect volume data-1/],
    ['instance start web-1', 0, /check what the way up needs\n {4}connect volume data-1/],
    ['instance stop web-1', 0, /connect/],
    ['instance reboot web-1', 0, /connect/],
    ['instance reboot web-1 --hard', 0, /connect/],
    ['instance attach web-1 data-1', 0, /connect/],
    ['instance detach web-1 data-1', 0, /connect/],
    ['instance delete web-1', 0, /connect/],
    [`operation resume ${C1}`, 0, /unlock data-1: started, end not recorded/],
  ] as const

  for (const [line, code, expected] of changing) {
    it(`${line} plans and changes nothing`, async () => {
      const words = line.replace('--', '--dry-run --').split(' ')
      const argv = line.includes('--') ? words : [...words, '--dry-run']
      const run = await runCli(argv, { state: state() })
      assert.match(run.stdout, expected)
      assert.equal(run.code, code)
      assert.match(run.stdout, code === 0 ? /^would do:\n/ : /^would be refused:\n/)
      assert.deepEqual(run.state.calls, [])
      assert.deepEqual(
        run.opened.map(({ mode }) => mode),
        ['read'],
      )
    })
  }

  it('says what a real run would meet', async () => {
    const problems = [
      { code: 'bridge-missing', message: 'there is no bridge br9', hint: 'ip link add br9 type bridge' },
    ]
    const run = await runCli('instance reboot web-1 --hard --dry-run', { state: { ...state(), problems } })
    assert.equal(run.code, 20)
    assert.match(run.stdout, /✘ there is no bridge br9\n {4}hint: ip link add/)
    const json = await runCli('instance reboot web-1 --hard --dry-run --json', { state: { ...state(), problems } })
    assert.deepEqual(JSON.parse(json.stdout).problems, problems)
    assert.equal(JSON.parse(json.stdout).kind, 'hard-reboot')
  })

  it('has nothing to resume of what is done', async () => {
    const run = await runCli(`operation resume ${C1} --dry-run`, { state: fakeState({ operations: [operation()] }) })
    assert.equal(run.code, 20)
    assert.match(run.stdout, /is done; there is nothing to resume/)
  })
})

describe('instance verbs', () => {
  const state = () => fakeState({ volumes: two(), instances: [instance()] })

  it('do what they say', async () => {
    const shared = state()
    for (const line of [
      'start web-1',
      'stop web-1',
      'stop web-1 --now',
      'stop web-1 --grace 5',
      'reboot web-1',
      'reboot web-1 --hard',
      'reboot web-1 --hard --force',
      'attach web-1 data-1',
      'detach web-1 data-1',
      'delete web-1',
    ]) {
      const run = await runCli(`instance ${line}`, { state: shared })
      assert.equal(run.code, 0, run.stderr)
      assert.match(run.stdout, /^(instance|volume) \S+ is \S+( to| from)?( instance web-1)?\n$/, line)
    }
    assert.deepEqual(shared.calls, [
      ['instances.start', B1],
      ['instances.stop', B1],
      ['instances.stop', B1, { graceMs: 0 }],
      ['instances.stop', B1, { graceMs: 5000 }],
      ['instances.soft-reboot', B1],
      ['instances.hard-reboot', B1, { force: false }],
      ['instances.hard-reboot', B1, { force: true }],
      ['instances.attach', B1, A1],
      ['instances.detach', B1, A1],
      ['instances.delete', B1],
    ])
  })

  it('detach by id what the volume service has no more', async () => {
    const gone = 'a0000009-0000-4000-8000-000000000000'
    const mapping = { id: 'm', instanceId: B1, volumeId: gone, target: 'vdb', deleteOnTermination: false, version: 1 }
    const shared = fakeState({ instances: [instance({}, { mappings: [mapping] })] })
    assert.equal((await runCli(`instance detach web-1 ${gone}`, { state: shared })).code, 0)
    assert.deepEqual(shared.calls, [['instances.detach', B1, gone]])
  })

  it('tell what was so already, and the notes', async () => {
    const shared = state()
    shared.work = async () => ({ change: 'already', notes: ['the guest did not answer'] })
    const run = await runCli('instance start web-1', { state: shared })
    assert.equal(run.stdout, 'instance web-1 is running already\n')
    assert.equal(run.stderr, 'note: the guest did not answer\n')
    const json = JSON.parse((await runCli('instance start web-1 --json', { state: shared })).stdout)
    assert.equal(json.id, B1)
    assert.equal(json.status, 'ACTIVE')
    assert.equal(json.change, 'already')
    assert.deepEqual(json.notes, ['the guest did not answer'])
    assert.equal(json.operation.id, C1)
  })

  it('show steps on stderr as they end, and none with --quiet or --json', async () => {
    const shared = state()
    shared.work = async (_, { observer }) => {
      const step = { operationId: C1, operation: 'start', step: 1, action: 'unlock', subject: A1 } as const
      const title = 'unlock volume data-1 (dm-crypt)'
      observer?.({ ...step, title, outcome: { state: 'started' } })
      observer?.({ ...step, title, outcome: { state: 'done', change: 'made', ms: 20 } })
      return undefined
    }
    const run = await runCli('instance start web-1', { state: shared })
    assert.equal(run.stderr, '✔ unlock volume data-1 (dm-crypt) 0.02 s\n')
    assert.equal(run.stdout, 'instance web-1 is started\n')
    for (const flag of ['--quiet', '--json']) {
      assert.equal((await runCli(`instance start web-1 ${flag}`, { state: shared })).stderr, '')
    }
  })

  it('end as failed when the operation came back failed or stuck', async () => {
    const shared = state()
    const error = { kind: 'busy', code: 'device-detach-failed', message: 'held', left: 'a disk' } as const
    shared.work = async () => ({ operation: operation({ state: 'failed', error }) })
    const failed = await runCli('instance stop web-1', { state: shared })
    assert.equal(failed.code, 12)
    assert.match(failed.stderr, /^error: held\nleft: a disk\noperation: c0000001/)
    shared.work = async () => ({ operation: operation({ state: 'stuck', error }) })
    assert.equal((await runCli('instance stop web-1', { state: shared })).code, 16)
  })
})

describe('instance create', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-spec-'))
  })
  after(() => rm(folder, { recursive: true }))

  const state = () => fakeState({ volumes: two() })
  const created = (shared: ReturnType<typeof fakeState>) => shared.calls[0]?.[1] as Record<string, unknown> | undefined
  const create = async (argv: string, yaml?: string) => {
    const shared = state()
    if (yaml !== undefined) await writeFile(join(folder, 'spec.yaml'), yaml)
    const run = await runCli(`instance create web-2 ${argv}`, { state: shared, workingDirectory: folder })
    return { run, request: created(shared) }
  }

  it('takes options', async () => {
    const { run, request } = await create(
      '--memory 256 --cpus 2 --volume data-1 --boot-volume data-2 --kernel vmlinuz --initrd i --append quiet ' +
        '--network bridge=br0 --network bridge=br1,mac=52:54:00:00:00:01',
    )
    assert.equal(run.code, 0, run.stderr)
    assert.deepEqual(request, {
      name: 'web-2',
      memoryMib: 256,
      cpus: 2,
      volumes: [
        { volumeId: A2, boot: true, deleteOnTermination: false },
        { volumeId: A1, boot: false, deleteOnTermination: false },
      ],
      kernel: { image: join(folder, 'vmlinuz'), initrd: join(folder, 'i'), append: 'quiet' },
      networks: [{ bridge: 'br0' }, { bridge: 'br1', mac: '52:54:00:00:00:01' }],
    })
  })

  it('takes a spec file, and options win over it', async () => {
    const yaml = `memory: 512
cpus: 1
volumes:
  - data-1
  - {volume: data-2, boot: true, delete_on_termination: true}
networks: [{bridge: br0}]
`
    const { run, request } = await create('-f spec.yaml --memory 1024', yaml)
    assert.equal(run.code, 0, run.stderr)
    assert.deepEqual(request, {
      name: 'web-2',
      memoryMib: 1024,
      cpus: 1,
      volumes: [
        { volumeId: A1, boot: false, deleteOnTermination: false },
        { volumeId: A2, boot: true, deleteOnTermination: true },
      ],
      kernel: undefined,
      networks: [{ bridge: 'br0' }],
    })
  })

  it('refuses a spec file that is not right, naming the field', async () => {
    for (const [yaml, message] of [
      ['memroy: 1', /unknown field memroy\nhint: did you mean memory\?/],
      ['memory: lots', /field memory is "lots", but must be MiB, an integer/],
      ['cpus: 0', /field cpus is 0, but must be an integer from 1/],
      ['volumes: [{boot: true}]', /field volumes\[0\]\.volume is missing/],
      ['volumes: [{volume: x, size: 1}]', /unknown field volumes\[0\]\.size/],
      ['volumes: [3]', /field volumes\[0\] is 3, but must be the name or id/],
      ['networks: [{bridge: "a b"}]', /field networks\[0\]\.bridge is "a b"/],
      ['networks: [{bridge: br0, mac: x}]', /field networks\[0\]\.mac/],
      ['a: &a 1\nb: *a', /aliases/],
    ] as const) {
      const { run, request } = await create('-f spec.yaml', yaml)
      assert.equal(run.code, 2)
      assert.match(run.stderr, message)
      assert.equal(request, undefined)
    }
    assert.match((await create('-f missing.yaml')).run.stderr, /there is no spec file .*missing\.yaml/)
  })

  it('refuses what does not go together', async () => {
    for (const [argv, message] of [
      ['--cpus 1', /memory is missing/],
      ['--memory 64', /number of CPUs is missing/],
      ['--memory 64 --cpus 1 --initrd x', /go with --kernel/],
      ['--memory 64 --cpus 1 --volume data-1 --volume data-1', /named twice/],
      ['--memory 64 --cpus 1 --network br0', /must be bridge=NAME/],
      ['--memory 64 --cpus 1 --network bridge=br0,mac=zz', /must be bridge=NAME/],
      ['--memory 64 --cpus 1 --network bridge=br0,vlan=3', /must be bridge=NAME/],
      ['--memory 1 --cpus 1', /integer from 16/],
    ] as const) {
      const { run, request } = await create(argv)
      assert.equal(run.code, 2, argv)
      assert.match(run.stderr, message)
      assert.equal(request, undefined)
    }
  })

  it('boots from a volume that is listed too', async () => {
    const { request } = await create('--memory 64 --cpus 1 --volume data-1 --volume data-2 --boot-volume data-2')
    assert.deepEqual(request?.volumes, [
      { volumeId: A1, boot: false, deleteOnTermination: false },
      { volumeId: A2, boot: true, deleteOnTermination: false },
    ])
  })
})

describe('operations and host', () => {
  const state = () =>
    fakeState({
      operations: [
        operation(),
        operation({ id: 'c0000002-0000-4000-8000-000000000000', state: 'stuck', finishedAt: undefined }),
      ],
    })

  it('list what is unfinished, or all', async () => {
    assert.equal(JSON.parse((await runCli('operation list --json', { state: state() })).stdout).length, 1)
    assert.equal(JSON.parse((await runCli('operation list --json --all', { state: state() })).stdout).length, 2)
    assert.match((await runCli('operation list')).stderr, /Nothing is unfinished/)
  })

  it('show has the journal', async () => {
    const run = await runCli('operation show c0000002', { state: state() })
    assert.match(run.stdout, /^state +stuck$/m)
    assert.match(run.stdout, /^ +2 {2}started +unlock +data-1/m)
  })

  it('resume tells how it ended', async () => {
    const run = await runCli('operation resume c0000002', { state: state() })
    assert.equal(run.stdout, 'start of instance web-1 is undone\n')
    assert.equal(run.code, 0)
  })

  it('host status says what is lacking and how to get it', async () => {
    const run = await runCli('host status')
    assert.match(run.stdout, /^pool +\/var\/lib\/holdfast\/pool \(3 GiB free\)$/m)
    assert.match(run.stdout, /^dm-crypt +no +no device-mapper; modprobe dm_crypt$/m)
  })
})

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

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fakeState, instance, operation, volume } from './testing/fake-holdfast.ts'
import { runCli } from './testing/run-cli.ts'

const A1 = 'a0000001-0000-4000-8000-000000000000'
const A2 = 'a0000002-0000-4000-8000-000000000000'
const B1 = 'b0000001-0000-4000-8000-000000000000'
const C1 = 'c0000001-0000-4000-8000-000000000000'

const two = () => [
  volume(),
  volume({ id: A2, name: 'data-2', status: 'in-use', size: 200, encrypted: true, volumeType: 'luks2' }),
]

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
      const step = {
        operationId: C1,
        operation: 'start',
        instance: 'web-1',
        step: 1,
        action: 'unlock',
        subject: A1,
      } as const
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

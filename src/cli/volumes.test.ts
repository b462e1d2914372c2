import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeState, snapshot, volume, volumeType } from './testing/fake-holdfast.ts'
import { runCli } from './testing/run-cli.ts'
import { volumeJson } from './views.ts'

const A1 = 'a0000001-0000-4000-8000-000000000000'
const A2 = 'a0000002-0000-4000-8000-000000000000'
const B1 = 'b0000001-0000-4000-8000-000000000000'

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

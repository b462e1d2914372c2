import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Attachment } from '#src/volumes/volume-service.ts'
import { fakeState, instance, volume } from './testing/fake-holdfast.ts'
import { runCli } from './testing/run-cli.ts'

const ID = 'f0000001-0000-4000-8000-000000000000'
const VOLUME = 'a0000001-0000-4000-8000-000000000000'
const INSTANCE = 'b0000001-0000-4000-8000-000000000000'

const attachment: Attachment = {
  id: ID,
  volumeId: VOLUME,
  instanceId: INSTANCE,
  status: 'attached',
  attachMode: 'rw',
  attachedAt: '2026-11-22T10:00:00.000000',
  connectionInfo: {
    driver_volume_type: 'rbd',
    volume_id: VOLUME,
    host: 'host-1',
    data: {
      access_mode: 'rw',
      encrypted: true,
      multiattach: false,
      discard: true,
      name: 'volumes/volume-1',
      hosts: ['10.0.0.1'],
      ports: ['6789'],
      cluster_name: 'ceph',
      auth_enabled: true,
      keyring: 'sealed:v1:AAAA',
    },
  },
}

const stateOf = (more: Parameters<typeof fakeState>[0] = {}) =>
  fakeState({ attachments: [attachment], volumes: [volume()], ...more })

/** An instance of this host that has the volume by this attachment. */
const owner = () =>
  instance(
    {},
    {
      mappings: [
        {
          id: 'm',
          instanceId: INSTANCE,
          volumeId: VOLUME,
          target: 'vdb',
          deleteOnTermination: false,
          attachmentId: ID,
          version: 1,
        },
      ],
    },
  )

describe('attachment list', () => {
  it('is a table, and for a program an array', async () => {
    const run = await runCli('attachment list --cloud prod', { state: stateOf() })
    assert.deepEqual([run.code, run.stderr], [0, ''])
    assert.match(run.stdout, new RegExp(`^${ID} +${VOLUME} +${INSTANCE} +attached +rw$`, 'm'))
    assert.deepEqual(
      run.opened.map(({ mode, config }) => [mode, config.cloud.name]),
      [['read', 'prod']],
    )
    const [json] = JSON.parse((await runCli('attachment list --json', { state: stateOf() })).stdout)
    assert.deepEqual([json.id, json.volume_id, json.instance], [ID, VOLUME, INSTANCE])
  })

  it('is of a volume by its name', async () => {
    assert.match((await runCli('attachment list --volume data-1', { state: stateOf() })).stdout, new RegExp(ID))
    const unknown = await runCli('attachment list --volume nothing', { state: stateOf() })
    assert.equal(unknown.code, 3)
  })
})

describe('attachment show', () => {
  it('tells how the volume is reached, and nothing secret', async () => {
    const run = await runCli('attachment show f000 --json', { state: stateOf() })
    const { connection_info } = JSON.parse(run.stdout)
    assert.deepEqual([connection_info.driver_volume_type, connection_info.data.keyring], ['rbd', '***'])
    assert.match((await runCli('attachment show f000', { state: stateOf() })).stdout, /driver_volume_type +rbd/)
    assert.equal((await runCli('attachment show 7', { state: stateOf() })).code, 3)
  })
})

describe('attachment delete', () => {
  it('asks, and does it only if told so', async () => {
    const no = await runCli(`attachment delete ${ID}`, { state: stateOf(), typed: 'no\n' })
    assert.deepEqual([no.code, no.state.calls], [0, []])
    const yes = await runCli(`attachment delete ${ID}`, { state: stateOf(), typed: 'y\n' })
    assert.deepEqual(yes.state.calls, [['volumes.attachmentDelete', ID]])
    const unasked = await runCli(`attachment delete ${ID} --yes --json`, { state: stateOf() })
    assert.deepEqual(JSON.parse(unasked.stdout), { id: ID, volume_id: VOLUME, deleted: true })
  })

  it('is refused where nobody can be asked, before anything is opened', async () => {
    const run = await runCli(`attachment delete ${ID}`, { state: stateOf() })
    assert.equal(run.code, 2)
    assert.match(run.stderr, /--yes/)
    assert.deepEqual(run.opened, [])
  })

  it('is refused for one that an instance of this host has, which a dry run shows', async () => {
    const state = stateOf({ instances: [owner()] })
    const run = await runCli(`attachment delete ${ID} --yes`, { state })
    assert.equal(run.code, 5)
    assert.match(run.stderr, /instance 'web-1' of this host.*\n(.*\n)*.*holdfast instance detach web-1/)
    assert.deepEqual(state.calls, [])
    const dry = await runCli(`attachment delete ${ID} --dry-run`, { state })
    assert.equal(dry.code, 20)
    assert.match(dry.stdout, /would be refused/)
  })
})

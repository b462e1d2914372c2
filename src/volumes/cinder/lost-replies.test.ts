import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { SimCloud } from '#src/sim/cloud/cloud.ts'
import { World } from '#src/sim/world.ts'
import { sessionOn } from '#test/sim/cloud/session.ts'
import type { Volume } from '../volume-service.ts'
import { CinderVolumeService } from './cinder-volume-service.ts'
import { INSTANCE, openSealer } from './testing/bench.ts'

const INITIATOR = 'iqn.1993-08.org.debian:01:abc'

/** The service over the simulated cloud, and how to lose the reply to its next change. */
class Bench {
  readonly world = new World()
  readonly cloud: SimCloud
  readonly service: CinderVolumeService
  readonly connector = {
    host: this.world.hostName,
    initiator: INITIATOR,
    multipath: false,
    platform: 'x',
    os_type: 'y',
  }

  constructor(volumeApi = '3.70') {
    this.cloud = new SimCloud(this.world, { volumeApi })
    const session = sessionOn(this.world, { user: 'admin' })
    this.service = new CinderVolumeService({
      client: session.client('block-storage'),
      host: this.world,
      hostName: this.world.hostName,
      sealer: openSealer,
    })
  }

  async volume(request: object = {}): Promise<Volume> {
    const { id } = await this.service.create({ size: 1, ...request })
    return (await this.service.settled(id)) as Volume
  }

  async attached(): Promise<{ readonly volumeId: string; readonly attachmentId: string }> {
    const { id: volumeId } = await this.volume()
    const { id } = await this.service.attachmentCreate({ volumeId, instanceId: INSTANCE })
    await this.service.attachmentUpdate(id, this.connector)
    await this.service.attachmentComplete(id)
    return { volumeId, attachmentId: id }
  }

  async attaching(): Promise<string> {
    const { id } = await this.volume()
    await this.service.reserveVolume(id)
    return id
  }

  async snapshot(): Promise<{ readonly volumeId: string; readonly id: string }> {
    const { id: volumeId } = await this.volume()
    const { id } = await this.service.createSnapshot(volumeId, {})
    await this.service.snapshotSettled(id)
    return { volumeId, id }
  }

  get changes(): number {
    return this.world.passed.filter(({ kind }) => kind === 'effect').length
  }

  /** Strikes at the next change, `times` in a row. */
  lose(when: 'before' | 'after', code: string, times = 1): void {
    let left = times
    this.world.faults = ({ kind }) =>
      kind === 'effect' && left-- > 0
        ? { when, do: 'fail', error: new HoldfastError('unavailable', code, 'no whole reply came') }
        : undefined
  }
}

/** A verb, and what it must have brought about. */
interface Verb {
  readonly prepare: (bench: Bench) => Promise<unknown>
  // biome-ignore lint/suspicious/noExplicitAny: what was prepared goes to the verb as it is
  readonly run: (bench: Bench, prepared: any) => Promise<unknown>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly state: (bench: Bench, prepared: any) => Promise<unknown>
  readonly done: unknown
  /** Sent again it does no harm, so nobody looks. */
  readonly repeats?: boolean
  /** After the reply was lost, nothing tells whose doing it is. */
  readonly unclear?: boolean
}

const status = async ({ service }: Bench, id: string) => (await service.settled(id))?.status ?? 'gone'
const statusOf = (bench: Bench, prepared: { readonly volumeId: string } | string) =>
  status(bench, typeof prepared === 'string' ? prepared : prepared.volumeId)
const volume = async (bench: Bench) => (await bench.volume()).id
const detaching = async (bench: Bench) => {
  const prepared = await bench.attached()
  await bench.service.beginDetaching(prepared.volumeId)
  return prepared
}

const VERBS: Readonly<Record<string, Verb>> = {
  create: {
    prepare: async () => undefined,
    run: ({ service }) => service.create({ size: 1, name: 'one', metadata: { mine: 'yes' } }),
    state: async ({ service }) => (await service.getAll()).map(({ name, metadata }) => [name, metadata]),
    done: [['one', { mine: 'yes' }]],
  },
  delete: { prepare: volume, run: ({ service }, id) => service.delete(id), state: statusOf, done: 'gone' },
  extend: {
    prepare: volume,
    run: ({ service }, id) => service.extend(id, 3),
    state: async ({ service }, id) => (await service.settled(id))?.size,
    done: 3,
  },
  reserveVolume: {
    prepare: volume,
    run: ({ service }, id) => service.reserveVolume(id),
    state: statusOf,
    done: 'attaching',
    unclear: true,
  },
  unreserveVolume: {
    prepare: bench => bench.attaching(),
    run: ({ service }, id) => service.unreserveVolume(id),
    state: statusOf,
    done: 'available',
  },
  beginDetaching: {
    prepare: bench => bench.attached(),
    run: ({ service }, { volumeId }) => service.beginDetaching(volumeId),
    state: statusOf,
    done: 'detaching',
  },
  rollDetaching: {
    prepare: detaching,
    run: ({ service }, { volumeId }) => service.rollDetaching(volumeId),
    state: statusOf,
    done: 'in-use',
  },
  initializeConnection: {
    prepare: bench => bench.attaching(),
    run: ({ service, connector }, id) => service.initializeConnection(id, connector),
    state: statusOf,
    done: 'attaching',
    repeats: true,
  },
  terminateConnection: {
    prepare: detaching,
    run: ({ service, connector }, { volumeId }) => service.terminateConnection(volumeId, connector),
    state: statusOf,
    done: 'detaching',
    repeats: true,
  },
  attach: {
    prepare: bench => bench.attaching(),
    run: ({ service }, id) => service.attach(id, { instanceId: INSTANCE, mountpoint: '/dev/vdb', mode: 'rw' }),
    state: async ({ service }, id) => (await service.get(id)).attachments.map(({ serverId }) => serverId),
    done: [INSTANCE],
  },
  detach: {
    prepare: detaching,
    run: ({ service }, { volumeId }) => service.detach(volumeId, { instanceId: INSTANCE }),
    state: statusOf,
    done: 'available',
  },
  attachmentCreate: {
    prepare: volume,
    run: ({ service }, volumeId) => service.attachmentCreate({ volumeId, instanceId: INSTANCE }),
    state: async ({ service }, volumeId) => (await service.attachmentGetAll({ volumeId })).map(each => each.status),
    done: ['reserved'],
  },
  attachmentUpdate: {
    prepare: async bench => {
      const volumeId = await volume(bench)
      return { volumeId, id: (await bench.service.attachmentCreate({ volumeId, instanceId: INSTANCE })).id }
    },
    run: ({ service, connector }, { id }) => service.attachmentUpdate(id, connector),
    state: async ({ service }, { id }) => (await service.attachmentGet(id)).status,
    done: 'attaching',
    repeats: true,
  },
  attachmentComplete: {
    prepare: async bench => {
      const { id } = await bench.service.attachmentCreate({ volumeId: await volume(bench), instanceId: INSTANCE })
      await bench.service.attachmentUpdate(id, bench.connector)
      return id
    },
    run: ({ service }, id) => service.attachmentComplete(id),
    state: async ({ service }, id) => (await service.attachmentGet(id)).status,
    done: 'attached',
  },
  attachmentDelete: {
    prepare: bench => bench.attached(),
    run: ({ service }, { attachmentId }) => service.attachmentDelete(attachmentId),
    state: statusOf,
    done: 'available',
  },
  createSnapshot: {
    prepare: volume,
    run: ({ service }, id) => service.createSnapshot(id, { name: 'one' }),
    state: async ({ service }) => (await service.getAllSnapshots()).map(({ name }) => name),
    done: ['one'],
  },
  deleteSnapshot: {
    prepare: bench => bench.snapshot(),
    run: ({ service }, { id }) => service.deleteSnapshot(id),
    state: async ({ service }, { id }) => await service.snapshotSettled(id),
    done: undefined,
  },
  createVolumeType: {
    prepare: async () => undefined,
    run: ({ service }) => service.createVolumeType({ name: 'made', multiattach: true }),
    state: async ({ service }) => (await service.getAllVolumeTypes()).filter(({ name }) => name === 'made').length,
    done: 1,
  },
  deleteVolumeType: {
    prepare: ({ service }) => service.createVolumeType({ name: 'made' }),
    run: ({ service }) => service.deleteVolumeType('made'),
    state: async ({ service }) => (await service.getAllVolumeTypes()).some(({ name }) => name === 'made'),
    done: false,
  },
  migrateVolumeCompletion: {
    prepare: async bench => ({ ...(await detaching(bench)), next: await bench.attaching() }),
    run: ({ service }, { volumeId, next }) => service.migrateVolumeCompletion(volumeId, next, false),
    state: async (bench, { volumeId, next }) => [await status(bench, volumeId), await status(bench, next)],
    done: ['available', 'in-use'],
  },
}

describe('a reply that got lost', () => {
  for (const code of ['reply-lost', 'http-504', 'http-502']) {
    for (const [name, verb] of Object.entries(VERBS)) {
      it(`to ${name}, which was done (${code}): it counts as done, and is not sent again`, async () => {
        const bench = new Bench()
        const prepared = await verb.prepare(bench)
        const before = bench.changes
        bench.lose('after', code)
        if (verb.unclear) {
          await assert.rejects(verb.run(bench, prepared), (error: HoldfastError) => {
            assert.deepEqual([error.kind, error.code], ['unavailable', 'outcome-unknown'])
            assert.match(error.details.hint ?? '', /holdfast volume show/)
            return true
          })
        } else await verb.run(bench, prepared)
        assert.equal(bench.changes - before, verb.repeats ? 2 : 1)
        assert.deepEqual(await verb.state(bench, prepared), verb.done)
      })

      if (name === 'migrateVolumeCompletion') continue
      it(`to ${name}, which was not done (${code}): it is sent again, once`, async () => {
        const bench = new Bench()
        const prepared = await verb.prepare(bench)
        const before = bench.changes
        bench.lose('before', code)
        await verb.run(bench, prepared)
        assert.equal(bench.changes - before, 2)
        assert.deepEqual(await verb.state(bench, prepared), verb.done)
      })
    }
  }

  it('to an attachment of an instance that moves is not taken for the one that it has', async () => {
    for (const when of ['before', 'after'] as const) {
      const bench = new Bench()
      const { volumeId, attachmentId } = await bench.attached()
      bench.lose(when, 'reply-lost')
      const second = await bench.service.attachmentCreate({ volumeId, instanceId: INSTANCE })
      assert.notEqual(second.id, attachmentId)
      assert.equal((await bench.service.attachmentGetAll({ volumeId })).length, 2)
    }
  })

  it('to one of many reservations for an instance is nobody knows which', async () => {
    const bench = new Bench()
    const { volumeId } = await bench.attached()
    await bench.service.attachmentCreate({ volumeId, instanceId: INSTANCE })
    bench.lose('after', 'reply-lost')
    const third = bench.service.attachmentCreate({ volumeId, instanceId: INSTANCE })
    await assert.rejects(third, (error: HoldfastError) => error.code === 'outcome-unknown')
  })

  it('of a migration that nothing shows is nobody knows what', async () => {
    const bench = new Bench()
    const { volumeId } = await detaching(bench)
    const next = await bench.attaching()
    bench.lose('before', 'reply-lost')
    const completion = bench.service.migrateVolumeCompletion(volumeId, next, false)
    await assert.rejects(completion, (error: HoldfastError) => error.code === 'outcome-unknown')
    assert.equal(await status(bench, volumeId), 'detaching')
  })

  it('again and again ends, and says what is not to be had', async () => {
    for (const [name, verb] of Object.entries(VERBS)) {
      if (name === 'migrateVolumeCompletion') continue
      const bench = new Bench()
      const prepared = await verb.prepare(bench)
      const before = bench.changes
      bench.lose('before', 'http-504', 100)
      await assert.rejects(
        verb.run(bench, prepared),
        (error: HoldfastError) => error.code === 'volume-service-unavailable',
        name,
      )
      // What may be exported is taken back, which does not get through either.
      assert.equal(bench.changes - before, name === 'initializeConnection' ? 10 : 5, name)
    }
  })

  it('leaves no mark in what a volume shows', async () => {
    const bench = new Bench()
    const { metadata, id } = await bench.volume({ metadata: { a: 'b' } })
    assert.deepEqual(metadata, { a: 'b' })
    const [stored] = [...bench.cloud.state.volumes.values()].filter(row => row.id === id)
    assert.deepEqual(Object.keys(stored?.metadata ?? {}).sort(), ['a', 'holdfast:request'])
  })
})

describe('failures that pass', () => {
  it('of the verbs that wait for a backend are tried again', async () => {
    for (const [name, prepare, run] of [
      ['attachmentUpdate', VERBS.attachmentUpdate?.prepare, VERBS.attachmentUpdate?.run],
      ['attachmentDelete', VERBS.attachmentDelete?.prepare, VERBS.attachmentDelete?.run],
      ['detach', VERBS.detach?.prepare, VERBS.detach?.run],
      ['terminateConnection', VERBS.terminateConnection?.prepare, VERBS.terminateConnection?.run],
    ] as const) {
      const bench = new Bench()
      const prepared = await prepare?.(bench)
      const before = bench.changes
      bench.lose('before', 'http-500', 4)
      await run?.(bench, prepared)
      assert.equal(bench.changes - before, 5, name)
    }
  })

  it('of others are not: a 500 says that it failed', async () => {
    const bench = new Bench()
    const { id } = await bench.volume()
    const before = bench.changes
    bench.lose('before', 'http-500')
    await assert.rejects(
      bench.service.extend(id, 2),
      (error: HoldfastError) => error.code === 'volume-service-unavailable',
    )
    assert.equal(bench.changes - before, 1)
  })
})

describe('which verbs', () => {
  it('are those of attachments from 3.44 on, unless told otherwise', async () => {
    for (const [api, generation] of [
      ['3.70', 'attachments'],
      ['3.44', 'attachments'],
      ['3.43', 'legacy'],
      ['3.9', 'legacy'],
      ['3.0', 'legacy'],
    ] as const) {
      assert.equal(await new Bench(api).service.generation(), generation, api)
    }
  })

  it('there are: attachments of an old service are told by its volumes', async () => {
    const bench = new Bench('3.26')
    const id = await bench.attaching()
    await bench.service.initializeConnection(id, bench.connector)
    await bench.service.attach(id, { instanceId: INSTANCE, mountpoint: '/dev/vdb', mode: 'rw' })
    const [only, ...others] = await bench.service.attachmentGetAll({ instanceId: INSTANCE })
    assert.deepEqual([only?.volumeId, only?.instanceId, only?.status, others], [id, INSTANCE, 'attached', []])
    assert.deepEqual(await bench.service.attachmentGetAll({ volumeId: id, instanceId: id }), [])
    await bench.service.beginDetaching(id)
    await bench.service.terminateConnection(id, bench.connector)
    await bench.service.detach(id, { instanceId: INSTANCE })
    assert.equal(await status(bench, id), 'available')
  })
})

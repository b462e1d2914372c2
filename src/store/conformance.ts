import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import type { OperationRecord, StepEvent } from '#src/journal/operation.ts'
import {
  entry,
  FULL_INSTANCE,
  FULL_MAPPING,
  FULL_OPERATION,
  instance,
  mapping,
  operation,
  uuid,
  volume,
} from './conformance-rows.ts'
import type { Store } from './store.ts'

/** One store on a disk of its own. */
export interface StoreFixture {
  readonly store: Store
  /** The store as the next process finds it, without the first one having been closed. */
  afterDeath(): Promise<Store>
  /** From now on the disk takes nothing more, until `freeDisk`. */
  fillDisk(): Promise<void>
  freeDisk(): Promise<void>
  dispose(): Promise<void>
}

/** What every store must do; run by each implementation and by the simulated twin. */
export function storeConformance(name: string, make: () => Promise<StoreFixture>): void {
  describe(`${name} as a store`, () => {
    let fixture: StoreFixture
    let store: Store
    beforeEach(async () => {
      fixture = await make()
      store = fixture.store
    })
    afterEach(async () => await fixture.dispose())
    const context = { store: () => store, fixture: () => fixture }
    rowCases(context)
    commitCases(context)
    journalCases(context)
    operationCases(context)
    diskCases(context)
  })
}

interface Context {
  readonly store: () => Store
  readonly fixture: () => StoreFixture
}

function rowCases({ store }: Context): void {
  it('answers nothing for what is not there', async () => {
    assert.equal(await store().instance(uuid(1)), undefined)
    assert.deepEqual(await store().instances(), [])
    assert.deepEqual(await store().mappings(uuid(1)), [])
    assert.deepEqual(await store().mappingsOfVolume(uuid(1)), [])
    assert.deepEqual(await store().allMappings(), [])
    assert.equal(await store().operation(uuid(1)), undefined)
    assert.deepEqual(await store().operations({}), [])
    assert.deepEqual(await store().entries(uuid(1)), [])
  })

  it('gives every field of every row back as it was', async () => {
    const bare = { instance: instance(1), mapping: mapping(1, 1, 'vda') }
    await store().commit([
      { put: 'instance', row: bare.instance },
      { put: 'mapping', row: bare.mapping },
      { put: 'instance', row: FULL_INSTANCE },
      { put: 'mapping', row: FULL_MAPPING },
      { put: 'operation', row: FULL_OPERATION },
    ])
    assert.deepEqual(await store().instance(bare.instance.id), bare.instance)
    assert.deepEqual(await store().mappings(bare.instance.id), [bare.mapping])
    assert.deepEqual(await store().instance(FULL_INSTANCE.id), FULL_INSTANCE)
    assert.deepEqual(await store().mappings(FULL_INSTANCE.id), [FULL_MAPPING])
    assert.deepEqual(await store().operation(FULL_OPERATION.id), FULL_OPERATION)
  })

  it('is not changed through a row that it took or gave', async () => {
    const row = {
      ...instance(1),
      interfaces: [{ portId: uuid(9), bridge: 'br0', mac: '52:54:00:00:00:01', tap: 't1' }],
    }
    await store().commit([{ put: 'instance', row }])
    row.interfaces.pop()
    const given = await store().instance(row.id)
    assert.equal(given?.interfaces.length, 1)
    Object.assign(given, { name: 'other' })
    assert.equal((await store().instance(row.id))?.name, 'instance-1')
  })

  it('sorts instances by name and mappings by target, vdz before vdaa', async () => {
    await store().commit([
      { put: 'instance', row: { ...instance(1), name: 'b' } },
      { put: 'instance', row: { ...instance(2), name: 'a' } },
      { put: 'mapping', row: mapping(1, 1, 'vdaa') },
      { put: 'mapping', row: mapping(1, 2, 'vdz') },
      { put: 'mapping', row: mapping(1, 3, 'vda') },
      { put: 'mapping', row: mapping(2, 3, 'vda') },
    ])
    assert.deepEqual(
      (await store().instances()).map(({ name }) => name),
      ['a', 'b'],
    )
    assert.deepEqual(
      (await store().mappings(uuid(1))).map(({ target }) => target),
      ['vda', 'vdz', 'vdaa'],
    )
    assert.deepEqual(
      (await store().mappingsOfVolume(volume(3))).map(({ instanceId }) => instanceId),
      [uuid(1), uuid(2)],
    )
    assert.equal((await store().allMappings()).length, 4)
  })

  it('removes rows, and removing what is gone is nothing', async () => {
    await store().commit([
      { put: 'instance', row: instance(1) },
      { put: 'mapping', row: mapping(1, 1, 'vda') },
    ])
    for (let times = 0; times < 2; times++) {
      await store().commit([
        { remove: 'mapping', id: mapping(1, 1, 'vda').id },
        { remove: 'instance', id: uuid(1) },
      ])
      assert.deepEqual(await store().allMappings(), [])
      assert.deepEqual(await store().instances(), [])
    }
  })
}

function commitCases({ store }: Context): void {
  it('patches what is named, leaves the rest, clears what is named as undefined, counts the version', async () => {
    await store().commit([{ put: 'instance', row: FULL_INSTANCE }])
    const { id, version } = FULL_INSTANCE
    await store().commit([{ update: 'instance', id, version, patch: { status: 'ACTIVE', fault: undefined } }])
    const { fault: _, ...rest } = FULL_INSTANCE
    assert.deepEqual(await store().instance(id), { ...rest, status: 'ACTIVE', version: version + 1 })
  })

  it('takes several updates of one row in one commit', async () => {
    await store().commit([{ put: 'instance', row: instance(1) }])
    await store().commit([
      { update: 'instance', id: uuid(1), version: 1, patch: { status: 'REBOOT' } },
      { update: 'instance', id: uuid(1), version: 2, patch: { wanted: 'stopped' } },
    ])
    assert.deepEqual(await store().instance(uuid(1)), {
      ...instance(1),
      status: 'REBOOT',
      wanted: 'stopped',
      version: 3,
    })
  })

  it('refuses an update of a row that has moved on or is gone, and changes nothing', async () => {
    await store().commit([{ put: 'instance', row: instance(1) }])
    for (const [id, version] of [[uuid(1), 2] as const, [uuid(2), 1] as const]) {
      const writes = [
        { put: 'instance' as const, row: instance(3) },
        { update: 'instance' as const, id, version, patch: { status: 'ERROR' as const } },
      ]
      await assert.rejects(store().commit(writes), code('store-conflict'))
    }
    assert.deepEqual(await store().instances(), [instance(1)])
  })

  it('refuses a taken name, for a new instance and for a renamed one', async () => {
    await store().commit([
      { put: 'instance', row: instance(1) },
      { put: 'instance', row: instance(2) },
    ])
    const named = { ...instance(3), name: 'instance-1' }
    await assert.rejects(store().commit([{ put: 'instance', row: named }]), code('name-taken'))
    const renamed = { update: 'instance', id: uuid(2), version: 1, patch: { name: 'instance-1' } } as const
    await assert.rejects(store().commit([renamed]), code('name-taken'))
    await store().commit([{ remove: 'instance', id: uuid(1) }])
    await store().commit([{ put: 'instance', row: named }])
  })

  it('refuses a second row with the same id, volume or target', async () => {
    await store().commit([
      { put: 'instance', row: instance(1) },
      { put: 'mapping', row: mapping(1, 1, 'vda') },
      { put: 'operation', row: operation(1) },
    ])
    const twins = [
      { put: 'instance', row: { ...instance(1), name: 'other' } },
      { put: 'mapping', row: { ...mapping(1, 1, 'vda'), volumeId: volume(2), target: 'vdb' } },
      { put: 'mapping', row: { ...mapping(1, 1, 'vdb'), id: uuid(77) } },
      { put: 'mapping', row: mapping(1, 2, 'vda') },
      { put: 'operation', row: operation(1) },
    ] as const
    for (const twin of twins) await assert.rejects(store().commit([twin]), code('store-conflict'), JSON.stringify(twin))
    assert.equal((await store().allMappings()).length, 1)
  })

  it('refuses a mapping without its instance, either way round', async () => {
    await assert.rejects(store().commit([{ put: 'mapping', row: mapping(1, 1, 'vda') }]), code('store-conflict'))
    await store().commit([
      { put: 'instance', row: instance(1) },
      { put: 'mapping', row: mapping(1, 1, 'vda') },
    ])
    await assert.rejects(store().commit([{ remove: 'instance', id: uuid(1) }]), code('store-conflict'))
    assert.equal((await store().instances()).length, 1)
  })

  it('takes commits that are asked for at once in their order, and one refusal takes no other with it', async () => {
    await store().commit([{ put: 'instance', row: instance(1) }])
    const update = (version: number) =>
      ({ update: 'instance', id: uuid(1), version, patch: { cpus: version + 1 } }) as const
    const outcomes = await Promise.allSettled([
      store().commit([update(1)]),
      store().commit([{ put: 'instance', row: instance(2) }, update(1)]),
      store().commit([update(2), { put: 'instance', row: instance(3) }]),
    ])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.deepEqual(await store().instances(), [{ ...instance(1), cpus: 3, version: 3 }, instance(3)])
  })
}

function journalCases({ store }: Context): void {
  it('keeps entries in the order of writing, with all their fields', async () => {
    const entries = [
      entry(1, 1, 'started'),
      entry(1, 2, 'started'),
      {
        ...entry(1, 2, 'failed'),
        error: { kind: 'timeout', code: 'timeout', message: 'too long', left: 'all', hint: 'wait' },
      },
      { ...entry(1, 1, 'done'), change: 'made' },
    ] as const
    await store().commit([
      { put: 'operation', row: operation(1) },
      { put: 'operation', row: operation(2) },
      { put: 'entry', row: entry(2, 1, 'started') },
    ])
    for (const row of entries) await store().commit([{ put: 'entry', row }])
    assert.deepEqual(await store().entries(operation(1).id), entries)
    assert.deepEqual(await store().entries(operation(2).id), [entry(2, 1, 'started')])
  })

  it('refuses an event that may not follow, and one of an operation that is not there', async () => {
    await store().commit([{ put: 'operation', row: operation(1) }])
    const refused = async (...events: readonly StepEvent[]) => {
      const writes = events.map(event => ({ put: 'entry', row: entry(1, 1, event) }) as const)
      await assert.rejects(store().commit(writes), code('journal-illegal'), events.join())
    }
    await refused('done')
    await refused('started', 'started')
    await refused('started', 'undone')
    await refused('started', 'undo-started', 'undone', 'undo-started')
    assert.deepEqual(await store().entries(operation(1).id), [])
    await assert.rejects(store().commit([{ put: 'entry', row: entry(2, 1, 'started') }]), code('store-conflict'))
  })

  it('takes every event that may follow, up to the last undo', async () => {
    await store().commit([{ put: 'operation', row: operation(1) }])
    const events = ['started', 'done', 'undo-started', 'undo-failed', 'undo-started', 'undone'] as const
    for (const event of events) await store().commit([{ put: 'entry', row: entry(1, 1, event) }])
    assert.deepEqual(
      (await store().entries(operation(1).id)).map(({ event }) => event),
      events,
    )
  })
}

function operationCases({ store }: Context): void {
  it('refuses an illegal transition, and takes the legal ones', async () => {
    await store().commit([{ put: 'operation', row: operation(1) }])
    const become = async (version: number, state: OperationRecord['state']) =>
      await store().commit([{ update: 'operation', id: operation(1).id, version, patch: { state } }])
    await become(1, 'stuck')
    await assert.rejects(become(2, 'done'), code('journal-illegal'))
    await assert.rejects(become(1, 'running'), code('store-conflict'))
    await become(2, 'running')
    await become(3, 'done')
    await assert.rejects(become(4, 'running'), code('journal-illegal'))
    assert.equal((await store().operation(operation(1).id))?.state, 'done')
  })

  it('lists operations newest first: those written last, also where the clock was set back', async () => {
    const begun = [10, 10, 1_000_000, 17, 5]
    const states = ['done', 'running', 'done', 'done', 'running'] as const
    for (const [n, state] of states.entries()) {
      await store().commit([{ put: 'operation', row: { ...operation(n), startedAt: begun[n] ?? 0, state } }])
    }
    const order = [4, 3, 2, 1, 0].map(n => operation(n).id)
    const found = async (limit: number) => (await store().operations({ limit })).map(({ id }) => id)
    assert.deepEqual(await found(9), order)
    assert.deepEqual(await found(3), order.slice(0, 3))
    const done = await store().operations({ states: ['done'], limit: 2 })
    assert.deepEqual(
      done.map(({ id }) => id),
      [operation(3).id, operation(2).id],
    )
  })

  it('filters operations by instance and state, at most as many as asked for', async () => {
    const states = ['running', 'done', 'stuck', 'failed', 'done', 'rolled-back'] as const
    for (const [n, state] of states.entries()) {
      await store().commit([{ put: 'operation', row: { ...operation(n, n % 2), state } }])
    }
    const found = async (filter: Parameters<Store['operations']>[0]) =>
      (await store().operations(filter)).map(({ id }) => states.findIndex((_, n) => operation(n).id === id))
    assert.deepEqual(await found({}), [5, 4, 3, 2, 1, 0])
    assert.deepEqual(await found({ instanceId: uuid(0) }), [4, 2, 0])
    assert.deepEqual(await found({ states: ['running', 'stuck'] }), [2, 0])
    assert.deepEqual(await found({ states: ['done'], instanceId: uuid(1) }), [1])
    assert.deepEqual(await found({ states: [] }), [])
    assert.deepEqual(await found({ limit: 2 }), [5, 4])
  })

  it('gives 100 operations unless told', async () => {
    await store().commit(Array.from({ length: 101 }, (_, n) => ({ put: 'operation' as const, row: operation(n) })))
    assert.equal((await store().operations({})).length, 100)
    assert.equal((await store().operations({ limit: 1000 })).length, 101)
  })
}

function diskCases({ store, fixture }: Context): void {
  it('has on disk all that it answered for when the process dies (I4)', async () => {
    await store().commit([
      { put: 'instance', row: FULL_INSTANCE },
      { put: 'mapping', row: FULL_MAPPING },
      { put: 'operation', row: operation(1) },
      { put: 'entry', row: entry(1, 1, 'started') },
    ])
    const next = await fixture().afterDeath()
    assert.deepEqual(await next.instances(), [FULL_INSTANCE])
    assert.deepEqual(await next.mappings(FULL_INSTANCE.id), [FULL_MAPPING])
    assert.deepEqual(await next.operations({ states: ['running'] }), [operation(1)])
    await next.commit([{ put: 'entry', row: entry(1, 1, 'done') }])
    assert.deepEqual(
      (await next.entries(operation(1).id)).map(({ event }) => event),
      ['started', 'done'],
    )
    await next.close()
  })

  it('refuses with no-space when the disk is full, loses nothing, and goes on when there is space', async () => {
    await store().commit([{ put: 'instance', row: instance(1) }])
    await fixture().fillDisk()
    const big = Array.from({ length: 500 }, (_, n) => ({ put: 'instance' as const, row: instance(n + 2) }))
    await assert.rejects(store().commit(big), code('no-space'))
    assert.deepEqual(await store().instances(), [instance(1)])
    await fixture().freeDisk()
    await store().commit(big)
    assert.equal((await store().instances()).length, 501)
  })

  it('takes no commit after it was closed', async () => {
    await store().close()
    await assert.rejects(store().commit([{ put: 'instance', row: instance(1) }]), code('internal'))
    await store().close()
  })
}

const code = (word: string) => (error: unknown) => {
  assert.ok(hasCode(error, word), `expected ${word}, got ${String(error)}`)
  return true
}

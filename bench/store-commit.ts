import { join } from 'node:path'
import { openSqliteStore } from '#src/store/sqlite/open.ts'
import type { Write } from '#src/store/store.ts'
import { BareInsert } from './bare-insert.ts'
import type { Bench } from './bench.ts'
import { byTurns, inScratch, median } from './measure.ts'

const ROUNDS = 500

/** One step's commit as the engine makes it: the outcome of one step, the intent of the next, and a row's update. */
export const storeCommit: Bench = {
  names: ['store-commit'],
  run: async () =>
    await inScratch(async directory => {
      using bare = new BareInsert(directory)
      await using store = await opened(join(directory, 'state.db'))
      let step = 0
      const commit = async () => {
        const begun = performance.now()
        await store.commit(writesOf(++step))
        return performance.now() - begun
      }
      const { ours, peer } = await byTurns(ROUNDS, commit, () => bare.time())
      const note = `two journal entries and an update in one commit against a bare synced SQLite insert, medians of ${ROUNDS} by turns`
      return [{ name: 'store-commit', ours: median(ours), peer: median(peer), unit: 'ms' as const, note }]
    }),
}

async function opened(path: string) {
  const store = await openSqliteStore({ path })
  await store.commit(ROWS)
  return { commit: store.commit.bind(store), [Symbol.asyncDispose]: async () => await store.close() }
}

const OPERATION = '00000000-0000-4000-a000-000000000001'
const INSTANCE = '00000000-0000-4000-8000-000000000001'

const ROWS: readonly Write[] = [
  {
    put: 'instance',
    row: {
      id: INSTANCE,
      name: 'one',
      availabilityZone: 'nova',
      memoryMib: 512,
      cpus: 1,
      interfaces: [],
      status: 'ACTIVE',
      wanted: 'running',
      priority: 0,
      createdAt: 0,
      version: 1,
    },
  },
  {
    put: 'operation',
    row: {
      id: OPERATION,
      kind: 'hard-reboot',
      instanceId: INSTANCE,
      instanceName: 'one',
      state: 'running',
      bootId: '0',
      startedAt: 0,
      version: 1,
    },
  },
]

function writesOf(step: number): readonly Write[] {
  const entry = { operationId: OPERATION, action: 'connect', subject: INSTANCE, at: step }
  const outcome: readonly Write[] =
    step === 1 ? [] : [{ put: 'entry', row: { ...entry, step: step - 1, event: 'done', change: 'made' } }]
  return [
    ...outcome,
    { update: 'instance', id: INSTANCE, version: step, patch: { status: 'ACTIVE' } },
    { put: 'entry', row: { ...entry, step, event: 'started' } },
  ]
}

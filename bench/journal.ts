import { join } from 'node:path'
import { openSqlite } from '#src/host/sqlite/open.ts'
import { openSqliteStore } from '#src/store/sqlite/open.ts'
import { stateDatabase } from '#src/store/sqlite/schema.ts'
import type { Bench } from './bench.ts'
import { inScratch, middleRound, type Round } from './measure.ts'

const ROUNDS = 25
const STEPS = 12
const [MANY, FEW] = [100_000, 10]
const ENTRIES_OF_A_PAST_OPERATION = 4
const INSTANCE = '00000000-0000-4000-8000-000000000001'
const DAY_MS = 86_400_000

/** What a command pays for its journal must not grow with what was done before it. */
export const journal: Bench = {
  names: ['journal'],
  run: async () =>
    await inScratch(async directory => {
      const [many, few] = [join(directory, 'many.db'), join(directory, 'few.db')]
      fill(many, MANY)
      fill(few, FEW)
      const rounds: Round[] = []
      for (let round = 0; round <= ROUNDS; round++) {
        const [peer, ours] = [await operation(few), await operation(many)]
        // The first one warms up.
        if (round > 0) rounds.push({ ours, peer })
      }
      const note = `one command's use of the store (opened, looked through, an operation of ${STEPS} steps, unfinished ones listed, old history looked for, backed up, closed) with ${MANY} against ${FEW} past operations; middle one of ${ROUNDS} rounds`
      return [{ name: 'journal', ...middleRound(rounds), unit: 'ms', target: 1.2, note }]
    }),
}

/** Past operations of the last days, each with its journal, in one transaction. */
function fill(path: string, count: number): void {
  const db = openSqlite(stateDatabase(path), false)
  const numbers = `WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${count})`
  const id = `printf('00000000-0000-4000-a000-%012x', n)`
  const at = `${Date.now() - DAY_MS} + n`
  db.exec(`
    BEGIN;
    INSERT INTO instances (id, name, availability_zone, memory_mib, cpus, interfaces, status, wanted, priority, created_at, version)
      VALUES ('${INSTANCE}', 'one', 'nova', 512, 1, '[]', 'ACTIVE', 'running', 0, 0, 1);
    ${numbers} INSERT INTO operations (id, kind, instance_id, instance_name, state, boot_id, started_at, finished_at, version)
      SELECT ${id}, 'hard-reboot', '${INSTANCE}', 'one', 'done', 'boot', ${at}, ${at}, 2 FROM n;
    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${count}),
      s(s) AS (SELECT 1 UNION ALL SELECT s + 1 FROM s WHERE s < ${ENTRIES_OF_A_PAST_OPERATION})
      INSERT INTO journal_entries (operation_id, sequence, step, event, action, subject, at)
      SELECT ${id}, s, s, 'started', 'connect', '${INSTANCE}', ${at} FROM n, s;
    COMMIT;
  `)
  db.close()
}

let made = 0

/** What one command does with the store, milliseconds. */
async function operation(path: string): Promise<number> {
  const begun = performance.now()
  const store = await openSqliteStore({ path })
  const id = `00000000-0000-4000-b000-${(++made).toString(16).padStart(12, '0')}`
  await store.operations({ instanceId: INSTANCE, states: ['running', 'stuck'] })
  const common = { operationId: id, action: 'connect', subject: INSTANCE, at: Date.now() }
  const row = {
    id,
    kind: 'hard-reboot',
    instanceId: INSTANCE,
    instanceName: 'one',
    bootId: 'boot',
    version: 1,
  } as const
  await store.commit([{ put: 'operation', row: { ...row, state: 'running', startedAt: Date.now() } }])
  for (let step = 1; step <= STEPS; step++) {
    await store.commit([
      ...(step > 1 ? [{ put: 'entry' as const, row: { ...common, step: step - 1, event: 'done' as const } }] : []),
      { put: 'entry', row: { ...common, step, event: 'started' } },
    ])
  }
  await store.commit([{ update: 'operation', id, version: 1, patch: { state: 'done', finishedAt: Date.now() } }])
  await store.operations({ limit: 20 })
  await store.prune({ before: Date.now() - 90 * DAY_MS, keep: 1000 })
  await store.backUp(Date.now())
  await store.close()
  return performance.now() - begun
}

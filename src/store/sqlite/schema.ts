import { type DatabaseDescription, RESTORE_HINT, type SummedTable } from '#src/host/sqlite/description.ts'
import { addSums, renewSums } from '#src/host/sqlite/sums.ts'

/** Of operations that have not ended. */
export const UNFINISHED_STATES: readonly string[] = ['running', 'stuck']

export const stateDatabase = (path: string): DatabaseDescription => ({
  path,
  noun: 'state database',
  restoreHint: RESTORE_HINT,
  migrations: MIGRATIONS,
  tables: TABLES,
})

const UNFINISHED = `IN (${UNFINISHED_STATES.map(state => `'${state}'`).join(', ')})`

/** What is summed; a column that is added later comes with a migration that makes the triggers anew. */
export const TABLES: readonly SummedTable[] = [
  {
    name: 'instances',
    key: ['id'],
    columns: [
      ...['id', 'name', 'availability_zone', 'memory_mib', 'cpus', 'kernel', 'interfaces', 'status', 'wanted'],
      ...['task_state', 'fault', 'priority', 'boot_id', 'created_at', 'version'],
    ],
  },
  {
    name: 'block_device_mappings',
    key: ['id'],
    columns: [
      ...['id', 'instance_id', 'volume_id', 'target', 'boot_index', 'delete_on_termination', 'attachment_id'],
      ...['connection_info', 'encryption', 'mechanism', 'luks_uuid', 'version', 'cloud', 'generation'],
    ],
  },
  {
    name: 'operations',
    key: ['id'],
    history: true,
    liveHistory: `WHERE state ${UNFINISHED}`,
    columns: [
      ...['id', 'kind', 'instance_id', 'instance_name', 'volume_id', 'state', 'error', 'boot_id', 'started_at'],
      ...['finished_at', 'version'],
    ],
  },
  // Filled by triggers, in a copy too.
  { name: 'unfinished_operations', key: ['id'], columns: ['id'], liveHistory: 'WHERE 0' },
  {
    name: 'journal_entries',
    key: ['operation_id', 'sequence'],
    history: true,
    liveHistory: `WHERE operation_id IN (SELECT id FROM main.operations WHERE state ${UNFINISHED})`,
    columns: ['operation_id', 'sequence', 'step', 'event', 'action', 'subject', 'change', 'error', 'at'],
  },
]

/** Columns that came after sums did. */
const ADDED: ReadonlySet<string> = new Set(['cloud', 'generation'])

const summedAtFirst = (table: SummedTable): SummedTable => ({
  ...table,
  columns: table.columns.filter(column => !ADDED.has(column)),
})

/** Append-only. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    availability_zone TEXT NOT NULL,
    memory_mib INTEGER NOT NULL,
    cpus INTEGER NOT NULL,
    kernel TEXT,
    interfaces TEXT NOT NULL,
    status TEXT NOT NULL,
    wanted TEXT NOT NULL,
    fault TEXT,
    created_at REAL NOT NULL,
    version INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE block_device_mappings (
    id TEXT PRIMARY KEY,
    instance_id TEXT NOT NULL REFERENCES instances (id),
    volume_id TEXT NOT NULL,
    target TEXT NOT NULL,
    boot_index INTEGER,
    delete_on_termination INTEGER NOT NULL,
    attachment_id TEXT,
    connection_info TEXT,
    encryption TEXT,
    mechanism TEXT,
    luks_uuid TEXT,
    version INTEGER NOT NULL,
    UNIQUE (instance_id, volume_id),
    UNIQUE (instance_id, target)
  ) STRICT;
  CREATE INDEX block_device_mappings_by_volume ON block_device_mappings (volume_id);

  -- No reference to instances: the history of a deleted instance stays.
  CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    instance_name TEXT NOT NULL,
    volume_id TEXT,
    state TEXT NOT NULL,
    error TEXT,
    boot_id TEXT NOT NULL,
    started_at REAL NOT NULL,
    finished_at REAL,
    version INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX operations_by_state ON operations (state, started_at);
  CREATE INDEX operations_by_instance ON operations (instance_id, state, started_at);

  CREATE TABLE journal_entries (
    operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    step INTEGER NOT NULL,
    event TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    change TEXT,
    error TEXT,
    at REAL NOT NULL,
    PRIMARY KEY (operation_id, sequence)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE instances ADD COLUMN task_state TEXT;
  ALTER TABLE instances ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE instances ADD COLUMN boot_id TEXT;
  `,
  // The order of operations is that of writing, whatever the clock said.
  `
  DROP INDEX operations_by_state;
  DROP INDEX operations_by_instance;
  CREATE INDEX operations_by_state ON operations (state);
  CREATE INDEX operations_by_instance ON operations (instance_id, state);
  CREATE INDEX operations_by_end ON operations (finished_at);

  -- The few that must never be lost: looked through at every opening, however long the history is.
  CREATE TABLE unfinished_operations (id TEXT PRIMARY KEY) STRICT;
  INSERT INTO unfinished_operations SELECT id FROM operations WHERE state ${UNFINISHED};
  CREATE TRIGGER operation_begun AFTER INSERT ON operations WHEN NEW.state ${UNFINISHED}
    BEGIN INSERT INTO unfinished_operations (id) VALUES (NEW.id); END;
  CREATE TRIGGER operation_moved AFTER UPDATE OF state ON operations BEGIN
    DELETE FROM unfinished_operations WHERE id = NEW.id;
    INSERT INTO unfinished_operations (id) SELECT NEW.id WHERE NEW.state ${UNFINISHED};
  END;
  ${TABLES.map(summedAtFirst).map(addSums).join('')}
  `,
  // Volumes of a cloud: which one, and by which verbs they are attached.
  `
  ALTER TABLE block_device_mappings ADD COLUMN cloud TEXT;
  ALTER TABLE block_device_mappings ADD COLUMN generation TEXT;
  ${TABLES.filter(({ name }) => name === 'block_device_mappings')
    .map(renewSums)
    .join('')}
  `,
]

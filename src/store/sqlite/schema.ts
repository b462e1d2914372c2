import type { DatabaseDescription } from '#src/host/sqlite/description.ts'

export const stateDatabase = (path: string): DatabaseDescription => ({
  path,
  noun: 'state database',
  restoreHint:
    'restore it from a backup, or move it away to begin with an empty one; instances and volumes are not touched by that',
  migrations: MIGRATIONS,
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
]

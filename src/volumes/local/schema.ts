import { type DatabaseDescription, RESTORE_HINT, type SummedTable } from '#src/host/sqlite/description.ts'
import { addSums } from '#src/host/sqlite/sums.ts'

export const volumeDatabase = (path: string): DatabaseDescription => ({
  path,
  noun: 'volume database',
  restoreHint: RESTORE_HINT,
  migrations: MIGRATIONS,
  tables: TABLES,
})

/** What is summed; a column that is added later comes with a migration that makes the triggers anew. */
const TABLES: readonly SummedTable[] = [
  { name: 'volume_types', key: ['id'], columns: ['id', 'name', 'multiattach', 'provider', 'cipher', 'key_size'] },
  {
    name: 'volumes',
    key: ['id'],
    columns: [
      ...['id', 'name', 'description', 'status', 'size', 'availability_zone', 'type_id', 'bootable', 'multiattach'],
      ...['snapshot_id', 'source_volume_id', 'metadata', 'provider', 'cipher', 'key_size', 'key_id', 'keys_before'],
      ...['header_bytes', 'inode', 'generation', 'created_at'],
    ],
  },
  {
    name: 'snapshots',
    key: ['id'],
    columns: [
      ...['id', 'name', 'description', 'status', 'progress', 'size', 'volume_id', 'key_id', 'keys_before'],
      ...['header_bytes', 'inode', 'created_at'],
    ],
  },
  {
    name: 'attachments',
    key: ['id'],
    columns: [
      ...['id', 'volume_id', 'instance_id', 'status', 'attach_mode', 'mountpoint', 'connector_host', 'attached_at'],
      'created_at',
    ],
  },
]

/**
 * Append-only. Sizes in GiB unless the name says bytes; times in ISO 8601.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE volume_types (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    multiattach INTEGER NOT NULL,
    provider TEXT,
    cipher TEXT,
    key_size INTEGER
  ) STRICT;

  CREATE TABLE volumes (
    id TEXT PRIMARY KEY,
    name TEXT,
    description TEXT,
    status TEXT NOT NULL,
    size INTEGER NOT NULL,
    availability_zone TEXT NOT NULL,
    type_id TEXT REFERENCES volume_types (id) ON DELETE RESTRICT,
    bootable INTEGER NOT NULL,
    multiattach INTEGER NOT NULL,
    snapshot_id TEXT,
    source_volume_id TEXT,
    metadata TEXT NOT NULL,
    provider TEXT,
    cipher TEXT,
    key_size INTEGER,
    key_id TEXT,
    keys_before TEXT,
    header_bytes INTEGER NOT NULL DEFAULT 0,
    inode TEXT,
    generation INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
  ) STRICT;
  CREATE INDEX volumes_by_status ON volumes (status);

  CREATE TABLE snapshots (
    id TEXT PRIMARY KEY,
    name TEXT,
    description TEXT,
    status TEXT NOT NULL,
    progress TEXT NOT NULL,
    size INTEGER NOT NULL,
    volume_id TEXT NOT NULL REFERENCES volumes (id) ON DELETE RESTRICT,
    key_id TEXT,
    keys_before TEXT,
    header_bytes INTEGER NOT NULL DEFAULT 0,
    inode TEXT,
    created_at TEXT NOT NULL
  ) STRICT;
  CREATE INDEX snapshots_by_volume ON snapshots (volume_id);

  CREATE TABLE attachments (
    id TEXT PRIMARY KEY,
    volume_id TEXT NOT NULL REFERENCES volumes (id) ON DELETE RESTRICT,
    instance_id TEXT,
    status TEXT NOT NULL,
    attach_mode TEXT NOT NULL,
    mountpoint TEXT NOT NULL,
    connector_host TEXT,
    attached_at TEXT,
    created_at TEXT NOT NULL
  ) STRICT;
  CREATE INDEX attachments_by_volume ON attachments (volume_id);
  CREATE INDEX attachments_by_instance ON attachments (instance_id);
  `,
  TABLES.map(addSums).join(''),
]

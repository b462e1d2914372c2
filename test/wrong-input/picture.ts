import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** What every run writes: who holds the lock, what a try of KVM showed, SQLite's own files, and backups of what changed. */
const PASSING = /^(lock\.(db|json)|kvm\.json|(holdfast|volumes)\.db(-wal|-shm)?|backups)$/
/** The journal of a refused operation is kept on purpose. Versions and generations count refusals too. */
const HISTORY = ['operations', 'journal_entries']
const SMALL = 1 << 20

function files(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .filter(({ name }) => !PASSING.test(name))
    .flatMap(entry => {
      const path = join(below, entry.name)
      return entry.isDirectory() ? files(folder, path) : [fileFacts(join(folder, path), path)]
    })
    .sort()
}

function fileFacts(path: string, name: string): string {
  const facts = lstatSync(path)
  const { size, ino, mode, uid, mtimeMs, blocks } = facts
  const hash = facts.isFile() && size <= SMALL ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''
  return [name, size, ino, mode.toString(8), uid, mtimeMs, blocks, hash].join(' ')
}

function rows(path: string): Readonly<Record<string, unknown>> {
  if (!existsSync(path)) return {}
  const db = new DatabaseSync(path, { readOnly: true })
  const named = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all()
  const tables = named.map(row => String(row.name)).filter(name => !HISTORY.includes(name))
  const all = tables.map(name => [name, db.prepare(`SELECT * FROM "${name}" ORDER BY 1`).all().map(lasting)] as const)
  db.close()
  return Object.fromEntries(all.filter(([, found]) => found.length > 0))
}

const lasting = ({ version: _, generation: __, sum: ___, ...row }: Record<string, unknown>) => row

/** All that a state directory holds: its files, with what shows that they were touched, and the rows of its databases. */
export function pictureOf(state: string): Readonly<Record<'files' | 'volumes' | 'instances', unknown>> {
  if (!existsSync(state)) return { files: [], volumes: {}, instances: {} }
  return {
    files: files(state),
    volumes: rows(join(state, 'volumes/volumes.db')),
    instances: rows(join(state, 'holdfast.db')),
  }
}

import { closeSync, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { Host } from './host.ts'
import { TEMPORARY_SUFFIX } from './node-files.ts'

/** Held until it is released, or until the process ends, however it ends. */
export interface StateLock extends Disposable {
  release(): void
}

interface Holder {
  readonly pid: number
  readonly command: string
  /** ISO 8601. */
  readonly since: string
}

const SQLITE_BUSY = 5

/**
 * Takes a state directory for this process alone. The lock is an open exclusive transaction on `lock.db`: a lock of the
 * kernel's, which dies with the process, so that nothing stale is ever left. `lock.json` only names the holder.
 * @throws HoldfastError `state-locked` (busy), naming process, command and since when
 */
export async function lockState(host: Host, directory: string, command: string): Promise<StateLock> {
  const database = openLock(directory)
  const holderFile = `${directory}/lock.json`
  if (!lock(database)) {
    database.close()
    throw lockedError(directory, await readHolder(host, holderFile))
  }
  const release = () => {
    if (database.isOpen) database.close()
  }
  try {
    const holder: Holder = { pid: process.pid, command, since: new Date(host.clock.now()).toISOString() }
    await nameHolder(host, holderFile, holder)
  } catch (error) {
    release()
    throw error
  }
  return { release, [Symbol.dispose]: release }
}

/** Whether a process holds the state directory now. A state that is not there, or may not be looked at, is held by none. */
export async function isStateLocked(host: Host, directory: string): Promise<boolean> {
  if (!(await host.files.stat(`${directory}/lock.db`))) return false
  let database: DatabaseSync
  try {
    database = new DatabaseSync(`${directory}/lock.db`, { timeout: 0, readOnly: true })
  } catch {
    // Not ours to open: whoever may not look at the lock can't tell who holds it, and looks on.
    return false
  }
  try {
    database.exec('BEGIN; SELECT count(*) FROM sqlite_schema')
    return false
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return true
    throw error
  } finally {
    database.close()
  }
}

/** On a full disk the lock goes without a name, and never under another's: only who holds it can make room by deleting. */
async function nameHolder(host: Host, path: string, holder: Holder): Promise<void> {
  await clearAway(host, path)
  try {
    await host.files.writeAtomic(path, new TextEncoder().encode(`${JSON.stringify(holder)}\n`), 0o644)
  } catch (error) {
    if (!hasCode(error, 'no-space')) throw error
    await host.files.remove(path)
  }
}

/** A power cut while a process named itself leaves what it was writing; whoever holds the lock is the only one who writes it. */
async function clearAway(host: Host, path: string): Promise<void> {
  const folder = dirname(path)
  const left = (name: string) => name.startsWith(`${basename(path)}.`) && name.endsWith(TEMPORARY_SUFFIX)
  for (const name of (await host.files.list(folder)).filter(left)) await host.files.remove(`${folder}/${name}`)
}

function openLock(directory: string): DatabaseSync {
  const path = `${directory}/lock.db`
  try {
    createPrivate(path)
    return new DatabaseSync(path, { timeout: 0 })
  } catch (cause) {
    const message = `could not open ${path}: ${cause instanceof Error ? cause.message : cause}`
    throw new HoldfastError('forbidden', 'forbidden', message, { cause, details: { hint: 'most verbs need root' } })
  }
}

/**
 * Whoever could read the file could hold a shared lock on it, and keep us out. A file that is there is not opened: closing
 * it again would drop the locks that this process has on it (POSIX).
 */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

function lock(database: DatabaseSync): boolean {
  try {
    // Nothing is ever committed, and a journal on the disk would need space on it.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false
    database.close()
    throw error
  }
}

async function readHolder(host: Host, path: string): Promise<Holder | undefined> {
  try {
    const holder: unknown = JSON.parse(Buffer.from((await host.files.read(path)) ?? []).toString())
    return isHolder(holder) ? holder : undefined
  } catch {
    return undefined
  }
}

const isHolder = (value: unknown): value is Holder =>
  typeof value === 'object' &&
  value !== null &&
  'pid' in value &&
  typeof value.pid === 'number' &&
  'command' in value &&
  typeof value.command === 'string' &&
  'since' in value &&
  typeof value.since === 'string'

function lockedError(directory: string, holder: Holder | undefined): HoldfastError {
  const who = holder ? `process ${holder.pid} (${holder.command}) since ${holder.since}` : 'another process'
  return new HoldfastError('busy', 'state-locked', `the state in ${directory} is in use by ${who}`, {
    details: { hint: 'wait until it has ended, then try again' },
  })
}

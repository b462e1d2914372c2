import { readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, processOf } from './process-table.ts'

const LIMIT_MS = 300_000
const POLL_MS = 200

/** Does the work while nobody else does any under this path. What a killed process held is free again. */
export async function locked<T>(path: string, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + LIMIT_MS
  while (!(await take(path))) {
    if (Date.now() > deadline) throw new Error(`${path} is held by another process for more than ${LIMIT_MS / 1000} s`)
    await sleep(POLL_MS)
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function take(path: string): Promise<boolean> {
  const own = JSON.stringify(await processOf(process.pid))
  try {
    await writeFile(path, own, { flag: 'wx' })
    return true
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const holder = await readFile(path, 'utf8').catch(() => '')
  // Empty while another process is just writing it.
  if (holder !== '' && !(await isRunning(JSON.parse(holder)))) await rm(path, { force: true })
  return false
}

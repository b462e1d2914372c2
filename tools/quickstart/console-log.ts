import { watch } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

/** How many bytes of the console log there are now; what comes later is from a later boot. */
export async function consoleSize(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}

/**
 * Waits until the guest has written a line that matches, after `from` bytes of its console log.
 * Told by file events; rejects with the signal's reason, with the console's last lines.
 */
export async function waitForConsoleLine(
  path: string,
  from: number,
  pattern: RegExp,
  signal: AbortSignal,
): Promise<RegExpMatchArray> {
  await mkdir(dirname(path), { recursive: true })
  const { promise, resolve, reject } = Promise.withResolvers<RegExpMatchArray>()
  let text = ''
  const look = async () => {
    text = await readFrom(path, from)
    const match = text.match(pattern)
    if (match) resolve(match)
  }
  const watcher = watch(dirname(path), (_, name) => {
    if (name === null || name === basename(path)) look().catch(reject)
  })
  const abort = () =>
    reject(new Error(`the guest did not write ${pattern} on its console in time; its last lines:\n${tail(text)}`))
  signal.addEventListener('abort', abort, { once: true })
  try {
    if (signal.aborted) abort()
    await look()
    return await promise
  } finally {
    watcher.close()
    signal.removeEventListener('abort', abort)
  }
}

async function readFrom(path: string, from: number): Promise<string> {
  if ((await consoleSize(path)) <= from) return ''
  await using file = await open(path)
  const { size } = await file.stat()
  const bytes = Buffer.alloc(size - from)
  await file.read(bytes, 0, bytes.length, from)
  return bytes.toString('latin1')
}

const tail = (text: string) => text.split('\n').slice(-12).join('\n')

import { hasCode, isHoldfastError } from '#src/core/error.ts'
import type { FileFacts, Host } from './host.ts'

/** As many as a message can bear. */
const MOST = 5

/**
 * Who keeps a device or file busy, in words for an error: mappings and other devices over it, mounts, processes that
 * have it open. Looks only; what may not be looked at, or is gone meanwhile, is left out. At most five.
 */
export async function holdersOf(host: Host, path: string): Promise<readonly string[]> {
  const facts = await host.files.stat(path)
  if (!facts) return []
  const block = facts.kind === 'block'
  const found = [
    ...(block ? await devicesOver(host, facts.device) : []),
    ...(block ? await mountsOf(host, facts.device) : []),
    ...(await processesWith(host, facts)),
  ]
  return found.slice(0, MOST)
}

/** `used by mapping crypt-x, process 12 (dd)`, or that nobody could be seen. */
export const describeHolders = (holders: readonly string[]): string =>
  holders.length > 0 ? `held by ${holders.join(', ')}` : 'held by something that does not show'

/** What sysfs knows to lie over this device. */
export async function devicesOver(host: Host, device: string): Promise<readonly string[]> {
  const names = (await seen(host.files.list(`/sys/dev/block/${device}/holders`))) ?? []
  return await Promise.all(
    names.map(async name => {
      const mapping = (await text(host, `/sys/class/block/${name}/dm/name`)).trim()
      return mapping ? `mapping ${mapping}` : `device ${name}`
    }),
  )
}

async function mountsOf(host: Host, device: string): Promise<readonly string[]> {
  const lines = (await text(host, '/proc/self/mountinfo')).split('\n').map(line => line.split(' '))
  return lines.filter(words => words[2] === device).map(words => `a mount at ${words[4]}`)
}

async function processesWith(host: Host, wanted: FileFacts): Promise<readonly string[]> {
  const found: string[] = []
  for (const pid of ((await seen(host.files.list('/proc'))) ?? []).filter(name => /^\d+$/.test(name))) {
    if (!(await hasOpen(host, pid, wanted))) continue
    found.push(`process ${pid} (${(await text(host, `/proc/${pid}/comm`)).trim()})`)
    if (found.length === MOST) break
  }
  return found
}

async function hasOpen(host: Host, pid: string, wanted: FileFacts): Promise<boolean> {
  const numbers = (await seen(host.files.list(`/proc/${pid}/fd`))) ?? []
  const opened = await Promise.all(numbers.map(number => seen(host.files.stat(`/proc/${pid}/fd/${number}`))))
  return opened.some(facts => facts?.kind === wanted.kind && same(facts, wanted))
}

/** A device may have many nodes, a file only one inode. */
const same = (a: FileFacts, b: FileFacts): boolean =>
  a.device === b.device && (a.kind === 'block' || a.inode === b.inode)

const text = async (host: Host, path: string): Promise<string> =>
  Buffer.from((await seen(host.files.read(path))) ?? []).toString()

/** Undefined for what vanished meanwhile or may not be looked at. */
async function seen<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking
  } catch (error) {
    if (
      hasCode(error, 'file-not-found') ||
      (isHoldfastError(error) && ['forbidden', 'host-command'].includes(error.kind))
    ) {
      return undefined
    }
    throw error
  }
}

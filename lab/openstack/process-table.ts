import { readdir, readFile } from 'node:fs/promises'

/** A process, told from a later one of the same number by when it started (clock ticks since the boot). */
export interface ProcessId {
  readonly pid: number
  readonly startTime: string
}

export interface ProcessInfo extends ProcessId {
  /** Process group. */
  readonly group: number
}

/** Undefined once the process is gone; a zombie counts as gone. */
export async function processOf(pid: number): Promise<ProcessInfo | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The name in parentheses may hold spaces and parentheses of its own: fields count from the last one.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, group, startTime] = [fields?.[0], fields?.[2], fields?.[19]]
  if (startTime === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, startTime, group: Number(group) }
}

export async function isRunning({ pid, startTime }: ProcessId): Promise<boolean> {
  return (await processOf(pid))?.startTime === startTime
}

/** Processes whose environment holds this entry (`NAME=value`), as it was when they started their program. */
export async function processesWith(entry: string): Promise<readonly ProcessInfo[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async pid => ((await hasEntry(pid, entry)) ? await processOf(pid) : undefined)),
  )
  return found.filter(process => process !== undefined)
}

async function hasEntry(pid: number, entry: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
  return environment.split('\0').includes(entry)
}

/** To a process, or to a group by its negative number. False if it is gone. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

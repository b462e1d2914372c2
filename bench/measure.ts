import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Command {
  readonly argv: readonly [string, ...string[]]
  readonly input?: string
  /** Beside that of this process; what is undefined is taken out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface Written {
  readonly stdout: string
  readonly third: string
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  if (low === undefined || high === undefined) throw new Error('the median of nothing')
  return (low + high) / 2
}

export interface Round {
  readonly ours: number
  readonly peer: number
}

/** The round whose ratio is the middle one: what disturbed the machine in a round disturbed both of its halves. */
export function middleRound(rounds: readonly Round[]): Round {
  const middle = rounds.toSorted((a, b) => a.ours / a.peer - b.ours / b.peer)[rounds.length >> 1]
  if (middle === undefined) throw new Error('the middle of nothing')
  return middle
}

/** Runs the two by turns, so that what disturbs the machine disturbs both, and gives the values of each. */
export async function byTurns<T>(
  rounds: number,
  ours: () => T | Promise<T>,
  peer: () => T | Promise<T>,
): Promise<{ readonly ours: readonly T[]; readonly peer: readonly T[] }> {
  const values: { ours: T[]; peer: T[] } = { ours: [], peer: [] }
  for (let round = 0; round < rounds; round++) {
    values.peer.push(await peer())
    values.ours.push(await ours())
  }
  return values
}

/** Wall clock and CPU (user and system, threads and children included) of a whole process, milliseconds. */
export function timeOf(command: Command): { readonly wall: number; readonly cpu: number } {
  const before = childrenCpu()
  const begun = performance.now()
  runToEnd(command)
  return { wall: performance.now() - begun, cpu: childrenCpu() - before }
}

/** What the command wrote to stdout and to file descriptor 3; throws unless it ended well. */
export function runToEnd({ argv: [program, ...args], input = '', env = {} }: Command): Written {
  const done = spawnSync(program, args, {
    input,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    maxBuffer: 64 * 2 ** 20,
  })
  if (done.error) throw done.error
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${done.status}: ${done.stderr}`)
  return { stdout: String(done.stdout), third: String(done.output[3] ?? '') }
}

/** Peak resident memory of a process, MiB: the kernel's high-water mark, read until it ends. */
export async function peakMemoryOf({ argv: [program, ...args], input = '', env = {} }: Command): Promise<number> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'ignore', 'ignore'] })
  await once(child, 'spawn')
  child.stdin.end(input)
  let peak = 0
  const sample = () => {
    peak = Math.max(peak, highWaterMark(child.pid))
    if (child.exitCode === null) setImmediate(sample)
  }
  sample()
  const [exitCode] = await once(child, 'exit')
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${exitCode}`)
  return peak
}

export function highWaterMark(pid: number | undefined): number {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return Number(kib ?? 0) / 1024
  } catch {
    return 0
  }
}

const TICK_MS = 10

/** CPU of all children waited for so far; in ticks of the kernel (USER_HZ), so worth a sum over many runs only. */
export function childrenCpu(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS
}

/** Runs `work` in a scratch folder that is removed after. */
export async function inScratch<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  try {
    return await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

import { createInterface } from 'node:readline'
import { highWaterMark } from '../measure.ts'

/** What a process that is measured is told to do. */
export interface Work {
  /** `list`: all volumes, held together; `iterate`: the same, one after another; `get`: these. */
  readonly verb: 'list' | 'iterate' | 'get'
  readonly ids?: readonly string[]
  readonly inFlight?: number
}

/** What it saw, so that one knows that all did the same. */
export interface Seen {
  readonly count: number
  /** Their sizes together. */
  readonly gib: number
}

/** Milliseconds; threads included. */
export interface Cost extends Seen {
  readonly wall: number
  readonly cpu: number
  /** By how much the peak of its memory rose, MiB. */
  readonly grown: number
}

/** Does what comes by stdin, a line of JSON each, and prints what each cost; first of all it prints `ready`. */
export async function serve(work: (work: Work) => Promise<Seen>): Promise<void> {
  console.log('ready')
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await costOf(() => work(JSON.parse(line)))))
  }
}

async function costOf(work: () => Promise<Seen>): Promise<Cost> {
  const [peak, cpu, begun] = [highWaterMark(process.pid), cpuMs(), performance.now()]
  const { count, gib } = await work()
  const wall = performance.now() - begun
  return { count, gib, wall, cpu: cpuMs() - cpu, grown: highWaterMark(process.pid) - peak }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** A volume as far as it is summed up. */
interface Sized {
  readonly size: number
}

export const sumOf = (volumes: readonly Sized[]): Seen => ({
  count: volumes.length,
  gib: volumes.reduce((sum, { size }) => sum + size, 0),
})

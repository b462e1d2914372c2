import { Readable } from 'node:stream'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import type { Clock } from '#src/core/clock.ts'
import type { Io, OpenMode, StopSignal } from '../io.ts'
import { main } from '../main.ts'
import { type FakeState, fakeHoldfast, fakeState } from './fake-holdfast.ts'

export interface CliRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly state: FakeState
  readonly opened: readonly { readonly mode: OpenMode; readonly config: HoldfastConfig }[]
}

export interface CliSetup extends Partial<Omit<Io, 'isTty'>> {
  /** What the user types on a terminal: stdin and stderr are one.. */
  readonly typed?: string
  readonly state?: FakeState
  /** stdout and stderr are terminals. */
  readonly tty?: boolean
  readonly columns?: number
}

/** Runs a command line against a fake Holdfast and gives what it printed. */
export async function runCli(argv: readonly string[] | string, setup: CliSetup = {}): Promise<CliRun> {
  const { state = fakeState(), tty = false, columns, typed, ...io } = setup
  const asked = typed !== undefined || setup.stdin !== undefined
  const printed = { stdout: '', stderr: '' }
  const opened: { mode: OpenMode; config: HoldfastConfig }[] = []
  const sink = (name: 'stdout' | 'stderr') => ({
    columns,
    write: (chunk: string | Uint8Array) => {
      printed[name] += typeof chunk === 'string' ? chunk : new TextDecoder('latin1').decode(chunk)
    },
  })
  const code = await main(typeof argv === 'string' ? argv.split(' ').filter(part => part !== '') : argv, {
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    ...(typed === undefined ? {} : { stdin: Readable.from(typed === '' ? [] : [typed]) }),
    isTty: { stdin: asked, stdout: tty, stderr: tty || asked },
    env: { HOLDFAST_STATE: '/state', HOLDFAST_HOST_NAME: 'host-1' },
    open: async (config, { mode }) => {
      opened.push({ mode, config })
      return fakeHoldfast(state)
    },
    ...io,
  })
  return { code, ...printed, state, opened }
}

/** A way to send a stop signal to a running command. */
export function stopButton(): { onStop: NonNullable<Io['onStop']>; press: (signal?: StopSignal) => void } {
  const handlers = new Set<(signal: StopSignal) => void>()
  return {
    onStop: handler => {
      handlers.add(handler)
      return () => handlers.delete(handler)
    },
    press: (signal = 'SIGINT') => {
      for (const handler of handlers) handler(signal)
    },
  }
}

/** A clock that stands until it is moved; whoever sleeps wakes as it passes. */
export class StandingClock implements Clock {
  #now = 0
  #sleepers: { at: number; wake: () => void }[] = []

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sleepers.push({ at: this.#now + ms, wake: resolve })
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }

  /** Moves on, and lets what was woken run. */
  async advance(ms: number): Promise<void> {
    this.#now += ms
    const due = this.#sleepers.filter(({ at }) => at <= this.#now)
    this.#sleepers = this.#sleepers.filter(({ at }) => at > this.#now)
    for (const { wake } of due) wake()
    await new Promise(resolve => setImmediate(resolve))
  }
}

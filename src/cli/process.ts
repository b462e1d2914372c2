import { isatty } from 'node:tty'
import type { Io, StopSignal } from './io.ts'
import { main } from './main.ts'

const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Runs the command line in this process and ends it. */
export async function runProcess(): Promise<void> {
  const code = await main(process.argv.slice(2), processIo())
  // Whatever is still open must not keep the process; what was written is let out first.
  process.stdout.write('', () => process.exit(code))
}

function processIo(): Io {
  const closed = new AbortController()
  ignoreBrokenPipe(process.stdout, () => closed.abort())
  ignoreBrokenPipe(process.stderr, () => undefined)
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    // Opened only when something is asked.
    get stdin() {
      return process.stdin
    },
    isTty: { stdin: isatty(0), stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true },
    env: process.env,
    uid: process.geteuid?.() ?? 0,
    workingDirectory: process.cwd(),
    stdoutClosed: closed.signal,
    onStop,
    open: async (config, options) => {
      const { openHoldfast } = await import('#src/index.ts')
      return openHoldfast(config, options)
    },
  }
}

/** A reader that has seen enough (`| head`) or a terminal that is gone must not end an operation half-way. */
function ignoreBrokenPipe(stream: NodeJS.WriteStream, onBroken: () => void): void {
  stream.on('error', error => {
    if ('code' in error && (error.code === 'EPIPE' || error.code === 'EIO')) onBroken()
    else throw error
  })
}

function onStop(handler: (signal: StopSignal) => void): () => void {
  let asked = false
  const listener = (signal: NodeJS.Signals) => {
    const stop = STOP_SIGNALS.find(one => one === signal)
    if (stop === undefined) return
    if (asked && signal !== 'SIGHUP') endBy(signal)
    asked = true
    handler(stop)
  }
  for (const signal of STOP_SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, listener)
  }
}

/** Ends this process by the signal itself, so that a shell sees it. */
function endBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

import { resolve } from 'node:path'
import { systemClock } from '#src/core/clock.ts'
import { HoldfastError } from '#src/core/error.ts'
import { CommandContext, type GlobalOptions } from './context.ts'
import { reportError } from './errors.ts'
import { OTHER_EXIT_CODES } from './exit-codes.ts'
import type { Io, StopSignal } from './io.ts'
import { type Parsed, parseCommandLine } from './program.ts'
import { StepPrinter } from './progress.ts'
import { paintFor } from './style.ts'

/**
 * The command line without a process: parses, runs, prints, and gives the exit code.
 * @param argv what stands behind the program's name
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const early: GlobalOptions = { json: argv.includes('--json'), color: !argv.includes('--no-color'), quiet: false }
  try {
    const parsed = await parseCommandLine(argv, io.stdout.columns)
    if (parsed.kind === 'run') return await runCommand(parsed, io)
    if (parsed.kind === 'usage-error') throw usage(parsed.message, parsed.hint)
    io.stdout.write(parsed.kind === 'version' ? `${await version()}\n` : parsed.text)
    return OTHER_EXIT_CODES.success
  } catch (error) {
    return fail(error, io, early, undefined)
  }
}

const usage = (message: string, hint: string): HoldfastError =>
  new HoldfastError('invalid-input', 'usage', message, { details: { hint } })

async function version(): Promise<string> {
  const { default: about } = await import('../../package.json', { with: { type: 'json' } })
  return `holdfast ${about.version}`
}

type Run = Extract<Parsed, { kind: 'run' }>

async function runCommand(parsed: Run, io: Io): Promise<number> {
  const { global } = parsed
  const stop = new Stop(io, global)
  const context = makeContext(global, io, stop.signal)
  try {
    try {
      await parsed.definition.invoke(context, parsed.options, parsed.args)
    } finally {
      context.progress.settle()
      await context.close()
    }
    return context.exitCode
  } catch (error) {
    return fail(stop.told(error), io, global, stop.exitCode)
  } finally {
    stop.end()
  }
}

function makeContext(global: GlobalOptions, io: Io, signal: AbortSignal): CommandContext {
  const quiet = global.quiet || global.json
  const live = io.isTty.stderr && io.env.TERM !== 'dumb'
  const paint = paintFor(io, 'stderr', global.color)
  const cwd = io.workingDirectory ?? process.cwd()
  return new CommandContext({
    io,
    global,
    signal,
    paint: paintFor(io, 'stdout', global.color),
    progress: new StepPrinter({ stderr: io.stderr, live, quiet, paint, clock: io.clock ?? systemClock }),
    path: given => resolve(cwd, given),
    loadConfig: async () => {
      const { loadConfig } = await import('#src/config/load-config.ts')
      return loadConfig({
        flags: { state: global.state, config: global.config, cloud: global.cloud },
        env: io.env,
        uid: io.uid ?? 0,
      })
    },
  })
}

function fail(error: unknown, io: Io, global: GlobalOptions, exitCode: number | undefined): number {
  const debug = (io.env.HOLDFAST_DEBUG ?? '') !== '' && io.env.HOLDFAST_DEBUG !== '0'
  const report = reportError(error, { paint: paintFor(io, 'stderr', global.color), debug, exitCode })
  io.stderr.write(global.json ? report.json : report.text)
  return report.exitCode
}

const CODES: Readonly<Record<StopSignal, number>> = {
  SIGINT: OTHER_EXIT_CODES.interrupted,
  SIGTERM: OTHER_EXIT_CODES.terminated,
  SIGHUP: OTHER_EXIT_CODES.hangup,
}

/** Ctrl-C and its kin: the first aborts the command, so that its operation ends cleanly; the process ends at the second. */
class Stop {
  readonly #controller = new AbortController()
  readonly end: () => void
  exitCode: number | undefined

  constructor(io: Io, global: GlobalOptions) {
    const handler = (signal: StopSignal) => {
      if (this.exitCode !== undefined) return
      this.exitCode = CODES[signal]
      if (!global.json) io.stderr.write(`\n${STOPPING}\n`)
      this.#controller.abort(new HoldfastError('busy', 'interrupted', `stopped by ${signal}`))
    }
    this.end = io.onStop?.(handler) ?? (() => undefined)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Our own reason, or the error that came of it; an AbortError of Node's own becomes our reason. */
  told(error: unknown): unknown {
    const { aborted, reason } = this.#controller.signal
    return aborted && error instanceof Error && error.name === 'AbortError' ? reason : error
  }
}

const STOPPING =
  'stopping: what was begun is undone, or kept so that `holdfast operation resume` can finish it. ' +
  'Ctrl-C again ends at once.'

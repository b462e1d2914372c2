import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import type { RunOptions } from '#src/engine/api.ts'
import type { Holdfast } from '#src/holdfast.ts'
import type { Io, OpenMode } from './io.ts'
import type { Progress } from './progress.ts'
import type { Paint } from './style.ts'
import { safeJson, safeText } from './terminal-text.ts'

/** Options that stand anywhere on the command line. */
export interface GlobalOptions {
  readonly state?: string | undefined
  readonly config?: string | undefined
  readonly cloud?: string | undefined
  readonly json: boolean
  readonly color: boolean
  readonly quiet: boolean
}

/** What a command works with: the opened state, its output and its progress. */
export interface CliContext {
  readonly io: Io
  readonly global: GlobalOptions
  /** For stdout. */
  readonly paint: Paint
  readonly progress: Progress
  /** Aborted at the first Ctrl-C. */
  readonly signal: AbortSignal
  /** Absolute form of a path that was given. */
  path(given: string): string
  config(): Promise<HoldfastConfig>
  /** Opens the state, once per command; it is closed when the command ends. */
  open(mode: OpenMode): Promise<Holdfast>
  /** As `open`, for verbs on volumes alone: those of a cloud change nothing in the state, and need no lock on it. */
  openVolumes(mode: OpenMode): Promise<Holdfast>
  /** The result: on stdout, as JSON or for eyes. */
  result(json: unknown, text: () => string): void
  /** Something worth telling beside the result: on stderr. */
  note(text: string): void
  /** Ends with this code although nothing was thrown. */
  exitWith(code: number): void
  /** Signal and observer for a call that makes an operation. */
  run(): RunOptions
}

export interface ContextParts {
  readonly io: Io
  readonly global: GlobalOptions
  readonly paint: Paint
  readonly progress: Progress
  readonly signal: AbortSignal
  path(given: string): string
  loadConfig(): Promise<HoldfastConfig>
}

/** The context of one command, with the exit code it asked for and the state to close. */
export class CommandContext implements CliContext {
  readonly io: Io
  readonly global: GlobalOptions
  readonly paint: Paint
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly #parts: ContextParts
  #config: Promise<HoldfastConfig> | undefined
  #opened: Promise<Holdfast> | undefined
  exitCode = 0

  constructor(parts: ContextParts) {
    this.#parts = parts
    this.io = parts.io
    this.global = parts.global
    this.paint = parts.paint
    this.progress = parts.progress
    this.signal = parts.signal
  }

  path(given: string): string {
    return this.#parts.path(given)
  }

  config(): Promise<HoldfastConfig> {
    this.#config ??= this.#parts.loadConfig()
    return this.#config
  }

  open(mode: OpenMode): Promise<Holdfast> {
    this.#opened ??= this.config().then(config => this.io.open(config, { mode, onNote: text => this.note(text) }))
    return this.#opened
  }

  async openVolumes(mode: OpenMode): Promise<Holdfast> {
    const { cloud } = await this.config()
    return await this.open(cloud.name === undefined ? mode : 'read')
  }

  result(json: unknown, text: () => string): void {
    this.progress.settle()
    this.io.stdout.write(this.global.json ? `${safeJson(json)}\n` : text())
  }

  note(text: string): void {
    if (this.global.json) this.io.stderr.write(`${JSON.stringify({ note: text })}\n`)
    else if (!this.global.quiet) this.progress.line(`note: ${safeText(text)}`)
  }

  exitWith(code: number): void {
    this.exitCode = code
  }

  run(): RunOptions {
    return { signal: this.signal, observer: this.progress.observer }
  }

  /** Closes the state if it was opened. */
  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined)
    await opened?.close()
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { HoldfastError } from '#src/core/error.ts'
import { type CommandEnd, commandFailed, commandLine, commandTimedOut } from './command-error.ts'
import type { CommandRequest, CommandResult } from './host.ts'
import { TOOL_FOLDERS } from './tool-paths.ts'

const DEADLINE_MS = 60_000
/** From SIGTERM to SIGKILL, and from SIGKILL until the process is given up as stuck in the kernel. */
const GRACE_MS = 2_000
const STDOUT_LIMIT = 16 * 2 ** 20
const STDERR_LIMIT = 64 * 2 ** 10

/** Nothing of our own environment reaches a tool: no locale, no library path, no credentials. */
const ENVIRONMENT = { LC_ALL: 'C', PATH: TOOL_FOLDERS.join(':') } as const

/**
 * Runs the program at `path` in a process group of its own and waits until it has ended and its pipes are closed.
 * At the deadline or on abort the whole group gets SIGTERM, then SIGKILL; it is gone when this settles, unless the
 * kernel does not let it go, which the error then tells.
 */
export async function runCommand(path: string, request: CommandRequest): Promise<CommandResult> {
  request.signal?.throwIfAborted()
  const child = spawn(path, [...request.args], {
    cwd: '/',
    env: ENVIRONMENT,
    shell: false,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const running = new RunningCommand(child, request)
  return await running.finish()
}

type Stop = 'deadline' | 'abort' | 'output'

class RunningCommand {
  readonly #child: ChildProcess
  readonly #request: CommandRequest
  readonly #stdout: Buffer[] = []
  #stdoutLength = 0
  #stderr: Buffer = Buffer.alloc(0)
  #stopped: Stop | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #ended = Promise.withResolvers<CommandEnd | 'stuck'>()

  constructor(child: ChildProcess, request: CommandRequest) {
    this.#child = child
    this.#request = request
    child.once('error', error => this.#ended.reject(notStarted(request, error)))
    child.once('close', (exitCode, signal) => this.#ended.resolve({ exitCode, signal }))
    child.stdout?.on('data', (chunk: Buffer) => this.#takeStdout(chunk))
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = Buffer.concat([this.#stderr, chunk]).subarray(-STDERR_LIMIT)
    })
    // A tool may end without reading its input (EPIPE); how it ended tells more than that.
    child.stdin?.on('error', () => {})
    child.stdin?.end(request.input)
  }

  async finish(): Promise<CommandResult> {
    const { signal, deadlineMs = DEADLINE_MS } = this.#request
    const onAbort = () => this.#stop('abort')
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#timer = setTimeout(() => this.#stop('deadline'), deadlineMs)
    try {
      return this.#outcome(await this.#ended.promise, deadlineMs)
    } finally {
      clearTimeout(this.#timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #takeStdout(chunk: Buffer): void {
    this.#stdoutLength += chunk.length
    if (this.#stdoutLength > STDOUT_LIMIT) this.#stop('output')
    else this.#stdout.push(chunk)
  }

  #stop(why: Stop): void {
    if (this.#stopped !== undefined) return
    this.#stopped = why
    clearTimeout(this.#timer)
    this.#kill('SIGTERM')
    this.#timer = setTimeout(() => {
      this.#kill('SIGKILL')
      this.#timer = setTimeout(() => this.#giveUp(), GRACE_MS)
    }, GRACE_MS)
  }

  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch {
      // The group is gone already.
    }
  }

  #giveUp(): void {
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
    this.#child.unref()
    const { exitCode, signalCode } = this.#child
    this.#ended.resolve(exitCode === null && signalCode === null ? 'stuck' : { exitCode, signal: signalCode })
  }

  #outcome(end: CommandEnd | 'stuck', deadlineMs: number): CommandResult {
    const request = this.#request
    const stderr = this.#stderr.toString('utf8')
    const left = end === 'stuck' ? `process ${this.#child.pid} cannot be killed: the kernel holds it` : undefined
    if (this.#stopped === 'deadline') throw commandTimedOut(request, deadlineMs, stderr, left)
    if (this.#stopped === 'abort') throw request.signal?.reason
    if (this.#stopped === 'output' || end === 'stuck') throw tooMuchOutput(request, left)
    if (end.exitCode === null || !(request.okCodes ?? [0]).includes(end.exitCode)) {
      throw commandFailed(request, end, stderr)
    }
    return { exitCode: end.exitCode, stdout: Buffer.concat(this.#stdout).toString('utf8'), stderr }
  }
}

const notStarted = (request: CommandRequest, cause: Error) =>
  new HoldfastError('host-command', 'command-failed', `not started: ${commandLine(request)}: ${cause.message}`, {
    cause,
    details: { command: commandLine(request) },
  })

const tooMuchOutput = (request: CommandRequest, left: string | undefined) =>
  new HoldfastError('host-command', 'command-failed', `killed for writing too much: ${commandLine(request)}`, {
    details: { command: commandLine(request), left },
  })

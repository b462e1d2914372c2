import type { Clock } from '#src/core/clock.ts'
import { formatMs, withDeadline } from '#src/core/deadline.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { CommandRequest, CommandResult } from '#src/host/host.ts'

/** What a simulated tool does. It passes through `world.effect` or `world.look` itself, with the signal. */
export type SimTool = (request: CommandRequest, signal?: AbortSignal) => Promise<CommandResult>

/** How a program ended, and what it said. */
export interface End {
  /** Null: a signal ended it. */
  readonly exitCode: number | null
  readonly signal?: NodeJS.Signals
  readonly stdout?: string
  readonly stderr?: string
}

/**
 * Makes a simulated tool end so, whatever it would have done: the error of a fault (`faults.ts`) at one of its points. The
 * caller gets an answer or an error as of any program that ends like this.
 */
export class ToolEnds extends HoldfastError {
  readonly end: End

  constructor(end: End) {
    super('host-command', 'command-failed', `made to end with ${end.signal ?? `exit code ${end.exitCode}`}`)
    this.end = end
  }
}

export const done: CommandResult = { exitCode: 0, stdout: '', stderr: '' }

/** The tool says this on stdout. */
export const says = (stdout: string): CommandResult => ({ ...done, stdout })

/** The tool fails with these last words. */
export const fails = (exitCode: number, stderr: string): CommandResult => ({
  exitCode,
  stdout: '',
  stderr: `${stderr}\n`,
})

const DEADLINE_MS = 60_000

/** Runs a simulated tool as `src/host/run-command.ts` runs a real one: with a deadline, and exit codes that are failures. */
export async function runTool(clock: Clock, tool: SimTool, request: CommandRequest): Promise<CommandResult> {
  const { deadlineMs = DEADLINE_MS, signal } = request
  const ended = await withDeadline(clock, deadlineMs, request.tool, signal, inner => endOf(tool, request, inner)).catch(
    error => {
      if (hasCode(error, 'timeout')) throw timedOut(request, deadlineMs)
      throw error
    },
  )
  const { exitCode, stdout = '', stderr = '' } = ended
  if (exitCode === null || !(request.okCodes ?? [0]).includes(exitCode)) throw failed(request, ended)
  return { exitCode, stdout, stderr }
}

async function endOf(tool: SimTool, request: CommandRequest, signal: AbortSignal): Promise<End> {
  try {
    return await tool(request, signal)
  } catch (error) {
    if (error instanceof ToolEnds) return error.end
    throw error
  }
}

const WORD = /^[A-Za-z0-9_@%+=:,./-]+$/

const commandLine = ({ tool, args }: CommandRequest): string =>
  [tool, ...args].map(word => (WORD.test(word) ? word : `'${word}'`)).join(' ')

/** In the words of `src/host/command-error.ts`. */
function failed(request: CommandRequest, { exitCode, signal, stderr = '' }: End): HoldfastError {
  const how = exitCode === null ? `ended by ${signal}` : `exit code ${exitCode}`
  const command = commandLine(request)
  const lines = stderr.split('\n').filter(line => line.trim() !== '')
  const said = lines.slice(-5).join('; ')
  return new HoldfastError('host-command', 'command-failed', `${how} from ${command}${said && `: ${said}`}`, {
    details: { command, exitCode: exitCode ?? undefined },
  })
}

function timedOut(request: CommandRequest, deadlineMs: number): HoldfastError {
  const command = commandLine(request)
  return new HoldfastError('timeout', 'timeout', `not finished within ${formatMs(deadlineMs)}: ${command}`, {
    details: { command },
  })
}

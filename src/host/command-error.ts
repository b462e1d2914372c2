import { formatMs } from '#src/core/deadline.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { CommandRequest } from './host.ts'

/** How a process ended. */
export interface CommandEnd {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
}

const WORD = /^[A-Za-z0-9_@%+=:,./-]+$/
const STDERR_LINES = 5
const STDERR_CHARACTERS = 1000

/** The command line as a person would type it. Arguments never carry secrets (I6), so it may be shown. */
export const commandLine = (request: Pick<CommandRequest, 'tool' | 'args'>): string =>
  [request.tool, ...request.args].map(word => (WORD.test(word) ? word : `'${printable(word)}'`)).join(' ')

/**
 * A tool's answer that is a failure: `command-failed`. The message begins with how the process ended, then the command,
 * then the last words of its stderr.
 */
export function commandFailed(request: CommandRequest, end: CommandEnd, stderr: string): HoldfastError {
  const how = end.signal === null ? `exit code ${end.exitCode}` : `ended by ${end.signal}`
  const command = commandLine(request)
  const said = lastLines(stderr)
  return new HoldfastError('host-command', 'command-failed', `${how} from ${command}${said && `: ${said}`}`, {
    details: { command, exitCode: end.exitCode ?? undefined },
  })
}

/** The deadline struck. `left`: what could not be cleared away. */
export function commandTimedOut(request: CommandRequest, deadlineMs: number, stderr: string, left?: string) {
  const command = commandLine(request)
  const said = lastLines(stderr)
  return new HoldfastError(
    'timeout',
    'timeout',
    `not finished within ${formatMs(deadlineMs)}: ${command}${said && `: ${said}`}`,
    { details: { command, left } },
  )
}

/** The last lines of what a tool said, joined, without control characters. */
export function lastLines(text: string): string {
  const lines = text.split(/[\r\n]+/).map(printable)
  const said = lines.filter(line => line.trim() !== '').slice(-STDERR_LINES)
  return said.join('; ').slice(-STDERR_CHARACTERS).trim()
}

/** Text from outside without control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
export const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ')

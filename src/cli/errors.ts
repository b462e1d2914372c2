import { asHoldfastError, HoldfastError } from '#src/core/error.ts'
import { exitCodeOf } from './exit-codes.ts'
import type { Paint } from './style.ts'
import { safeJson, safeLines, safeText } from './terminal-text.ts'

/** What went wrong, as it is told to people and programs. */
export interface ErrorReport {
  readonly text: string
  readonly json: string
  readonly exitCode: number
}

export interface ReportOptions {
  readonly paint: Paint
  /** `HOLDFAST_DEBUG=1`: show where an unexpected error came from. */
  readonly debug: boolean
  /** The code to end with instead of the kind's, after Ctrl-C. */
  readonly exitCode?: number | undefined
}

/** A defect and not an answer: only these may show a stack. */
const unexpected = (error: unknown): boolean => !(error instanceof HoldfastError) || error.kind === 'internal'

export function reportError(thrown: unknown, options: ReportOptions): ErrorReport {
  const error = asHoldfastError(thrown)
  const exitCode = options.exitCode ?? exitCodeOf(error.kind)
  return {
    text: unexpected(thrown) ? unexpectedText(thrown, options) : expectedText(error, options.paint),
    json: `${safeJson({ error: errorObject(error, exitCode) }, 0)}\n`,
    exitCode,
  }
}

/** The message without what `collectErrors` puts behind it, for the others are listed one by one. */
function ownMessage(error: HoldfastError): string {
  const { cause, also, message } = error
  const collected = also.length > 0 && cause instanceof HoldfastError
  return collected && message.startsWith(`${cause.message} (and ${also.length} more: `) ? cause.message : message
}

function expectedText(error: HoldfastError, paint: Paint): string {
  const { hint, left, operation, requestId } = error.details
  const lines = [`${paint('red', 'error:')} ${safeText(ownMessage(error))}`]
  for (const other of error.also) lines.push(`${paint('red', 'also:')} ${safeText(ownMessage(asHoldfastError(other)))}`)
  const where = whereOf(error)
  if (where !== undefined) lines.push(`${paint('dim', 'where:')} ${safeText(where)}`)
  if (requestId !== undefined && !ownMessage(error).includes(requestId)) {
    lines.push(`${paint('dim', 'request:')} ${safeText(requestId)}`)
  }
  if (left !== undefined) lines.push(`${paint('yellow', 'left:')} ${safeText(left)}`)
  if (operation !== undefined) lines.push(`${paint('dim', 'operation:')} ${safeText(operation)}`)
  if (hint !== undefined) lines.push(`${paint('cyan', 'hint:')} ${safeText(hint)}`)
  return lines.map(line => `${line}\n`).join('')
}

/** The volume, unless the message names it, and the layer of the stack that it failed at. */
function whereOf({ message, details: { volume, layer } }: HoldfastError): string | undefined {
  const parts = [
    ...(volume === undefined || message.includes(volume) ? [] : [`volume ${volume}`]),
    ...(layer === undefined ? [] : [`layer ${layer}`]),
  ]
  return parts.length === 0 ? undefined : parts.join(', ')
}

function unexpectedText(thrown: unknown, { paint, debug }: ReportOptions): string {
  const error = asHoldfastError(thrown)
  const head = `${paint('red', 'error:')} internal: ${safeText(error.message)}\n`
  const origin = error.cause instanceof Error ? error.cause : error
  if (debug) return `${head}${safeLines(origin.stack ?? String(origin))}\n`
  return `${head}${paint('cyan', 'hint:')} this is a defect of Holdfast; HOLDFAST_DEBUG=1 shows where it came from\n`
}

const errorObject = (error: HoldfastError, exitCode: number): Record<string, unknown> => ({
  code: error.code,
  kind: error.kind,
  message: ownMessage(error),
  hint: error.details.hint ?? null,
  left: error.details.left ?? null,
  operation: error.details.operation ?? null,
  exit_code: exitCode,
  instance: error.details.instance ?? null,
  volume: error.details.volume ?? null,
  layer: error.details.layer ?? null,
  command: error.details.command ?? null,
  command_exit_code: error.details.exitCode ?? null,
  request_id: error.details.requestId ?? null,
  also: error.also.map(asHoldfastError).map(({ code, kind, message }) => ({ code, kind, message })),
})

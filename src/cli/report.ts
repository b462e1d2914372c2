import { HoldfastError } from '#src/core/error.ts'
import type { OperationResult } from '#src/engine/api.ts'
import type { CliContext } from './context.ts'
import { OTHER_EXIT_CODES } from './exit-codes.ts'
import type { Paint } from './style.ts'
import { type Column, formatTable } from './table.ts'
import { safeText } from './terminal-text.ts'
import { type AnyPlan, type Json, planJson, resultJson } from './views.ts'

/** A list: an array, or a table; nothing on stdout and a line on stderr if it is empty. */
export function printList<T>(
  context: CliContext,
  rows: readonly T[],
  how: { readonly json: (row: T) => Json; readonly columns: readonly Column<T>[]; readonly empty: string },
): void {
  if (rows.length === 0 && !context.global.json) {
    if (!context.global.quiet) context.progress.line(how.empty)
    return
  }
  context.result(rows.map(how.json), () => formatTable(rows, how.columns, context.paint))
}

/** A plan. Ends with its own exit code if a real run would be refused. */
export function printPlan(context: CliContext, plan: AnyPlan): void {
  context.result(planJson(plan), () => planText(plan, context.paint))
  if (plan.problems.length > 0) context.exitWith(OTHER_EXIT_CODES.planRefused)
}

function planText({ steps, problems }: AnyPlan, paint: Paint): string {
  const would = steps.map(({ title, depth }) => `  ${'  '.repeat(depth)}${safeText(title)}\n`)
  const refused = problems.flatMap(({ message, hint }) => [
    `  ${paint('red', '✘')} ${safeText(message)}\n`,
    ...(hint === undefined ? [] : [`    ${paint('cyan', 'hint:')} ${safeText(hint)}\n`]),
  ])
  return [
    problems.length === 0 ? 'would do:\n' : 'would be refused:\n',
    ...refused,
    ...(problems.length > 0 && would.length > 0 ? ['planned:\n'] : []),
    ...(would.length === 0 && problems.length === 0 ? ['  nothing\n'] : would),
  ].join('')
}

/** What an operation did: notes on stderr, one line or an object with `operation`, `change` and `notes` on stdout. */
export function printResult(
  context: CliContext,
  result: OperationResult,
  told: { readonly json: Json; readonly made: string; readonly already: string },
): void {
  throwIfUnfinished(result)
  if (!context.global.json) for (const note of result.notes) context.note(note)
  context.result(
    { ...told.json, ...resultJson(result) },
    () => `${safeText(result.change === 'made' ? told.made : told.already)}\n`,
  )
}

/** An operation that came back as failed or stuck, and not as a thrown error, is one all the same. */
function throwIfUnfinished({ operation }: OperationResult): void {
  const { state, error, id } = operation
  if (state !== 'failed' && state !== 'stuck') return
  const kind = state === 'stuck' ? 'stuck' : (error?.kind ?? 'internal')
  const message = error?.message ?? `operation ${id} is ${state}`
  throw new HoldfastError(kind, error?.code ?? state, message, {
    details: { operation: id, left: error?.left, hint: error?.hint ?? `holdfast operation show ${id}` },
  })
}

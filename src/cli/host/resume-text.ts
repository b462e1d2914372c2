import type { EndedOperation, ResumedInstance, ResumeReport } from '#src/engine/host-api.ts'
import type { CliContext } from '../context.ts'
import { seconds } from '../progress.ts'
import type { Paint } from '../style.ts'
import { type Column, formatTable } from '../table.ts'
import { safeText } from '../terminal-text.ts'
import { isWaiting, shownOutcome, tally } from './resume-tally.ts'

const OPERATION_COLUMNS: readonly Column<EndedOperation>[] = [
  { header: 'unfinished operation', value: ({ operation }) => operation.id },
  { header: 'what', value: ({ operation }) => operation.kind },
  { header: 'instance', value: ({ operation }) => operation.instanceName },
  { header: 'ended as', value: ({ operation, error }) => (error ? 'unfinished' : operation.state), status: true },
  { header: 'reason', value: ({ error }) => error?.message ?? '-' },
]

const INSTANCE_COLUMNS: readonly Column<ResumedInstance>[] = [
  { header: 'instance', value: ({ name }) => name },
  { header: 'priority', value: ({ priority }) => priority, align: 'right' },
  { header: 'outcome', value: shownOutcome, status: true },
  { header: 'after', value: after, align: 'right' },
  { header: 'work', value: work, align: 'right' },
  { header: 'reason', value: ({ error }) => error?.message ?? '-' },
]

/** One that still waits has no end to tell. */
function after(one: ResumedInstance): string {
  return isWaiting(one.outcome) || untouched(one) ? '-' : seconds(one.finishedAfterMs)
}

function work(one: ResumedInstance): string {
  return untouched(one) ? '-' : seconds(one.workMs)
}

const untouched = ({ outcome }: ResumedInstance): boolean => outcome === 'running' || outcome === 'stopped-itself'

export function resumeText(report: ResumeReport, paint: Paint): string {
  const { operations, instances } = report
  return [
    ...(operations.length === 0 ? [] : [formatTable(operations, OPERATION_COLUMNS, paint), '\n']),
    ...(instances.length === 0 ? [] : [formatTable(instances, INSTANCE_COLUMNS, paint)]),
    ...hints(report, paint),
    ...(instances.length === 0 ? [] : ['\n']),
    `${summary(report)}\n`,
  ].join('')
}

function hints({ instances, operations }: ResumeReport, paint: Paint): readonly string[] {
  const errors = [
    ...operations.map(({ operation, error }) => ({ name: operation.instanceName, error })),
    // What a waiting one did and undid again leaves nothing that matters.
    ...instances.map(one => ({
      name: one.name,
      error: one.error && (isWaiting(one.outcome) ? { ...one.error, left: undefined } : one.error),
    })),
  ]
  const lines = errors.flatMap(({ name, error }) => [
    ...(error?.left === undefined ? [] : [`${safeText(name)}: ${paint('yellow', 'left:')} ${safeText(error.left)}\n`]),
    ...(error?.hint === undefined ? [] : [`${safeText(name)}: ${paint('cyan', 'hint:')} ${safeText(error.hint)}\n`]),
  ])
  return [...new Set(lines)]
}

/** `3 back, 1 waiting, 1 failed; it took 12.04 s` */
function summary(report: ResumeReport): string {
  const { back, running, stoppedItself, waiting, failed, interrupted } = tally(report)
  if (report.instances.length === 0) return `no instance is to come back; it took ${seconds(report.durationMs)}`
  const more: readonly (readonly [number, string])[] = [
    [interrupted, 'interrupted'],
    [running, 'running already'],
    [stoppedItself, 'off by itself and left off'],
  ]
  const counts = [`${back} back`, `${waiting} waiting`, `${failed} failed`]
  const others = more.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
  return `${[...counts, ...others].join(', ')}; it took ${seconds(report.durationMs)}`
}

/** Tells of each instance as soon as its outcome is known. One that still waits for the same is not told again. */
export class InstanceLines {
  readonly #context: CliContext
  readonly #waitMs: number
  readonly #waits = new Map<string, string>()

  constructor(context: CliContext, waitMs: number) {
    this.#context = context
    this.#waitMs = waitMs
  }

  readonly tell = (instance: ResumedInstance): void => {
    const line = instanceLine(instance, this.#context.progress.paint)
    if (isWaiting(instance.outcome)) {
      if (this.#waits.get(instance.id) === line) return
      this.#waits.set(instance.id, line)
    }
    this.#context.progress.line(line)
    if (isWaiting(instance.outcome) && this.#waits.size === 1 && this.#waitMs > 0) this.#tellHowLong()
  }

  #tellHowLong(): void {
    const upTo = this.#waitMs < 1000 ? seconds(this.#waitMs) : `${Math.round(this.#waitMs / 1000)} s`
    const line = `  waiting up to ${upTo}; Ctrl-C ends the wait, and \`holdfast host resume\` goes on with it`
    this.#context.progress.line(line)
  }
}

function instanceLine(instance: ResumedInstance, paint: Paint): string {
  const name = safeText(instance.name)
  const why = instance.error === undefined ? '' : `: ${safeText(instance.error.message)}`
  switch (shownOutcome(instance)) {
    case 'resumed':
      return `${paint('green', '✔')} instance ${name} is back after ${seconds(instance.finishedAfterMs)}`
    case 'running':
      return `${paint('green', '✔')} instance ${name} runs already`
    case 'stopped-itself':
      return `${paint('dim', '–')} instance ${name} went off by itself since the host booted, and is left off`
    case 'waiting-for-key':
    case 'waiting-for-volume-service':
      return `${paint('yellow', '…')} instance ${name} is ${instance.outcome}${why}`
    case 'interrupted':
      return `${paint('yellow', '↩')} instance ${name} was not brought back${why}`
    case 'failed':
      return `${paint('red', '✘')} instance ${name} did not come back${why}`
  }
}

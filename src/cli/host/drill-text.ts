import type { DrilledInstance, DrillReport } from '#src/engine/host-api.ts'
import { seconds } from '../progress.ts'
import type { Paint } from '../style.ts'
import { type Column, formatTable } from '../table.ts'
import { safeText } from '../terminal-text.ts'

const COLUMNS: readonly Column<DrilledInstance>[] = [
  { header: 'instance', value: ({ name }) => name },
  { header: 'wanted', value: ({ wanted }) => wanted },
  { header: 'ready', value: ({ ready }) => (ready ? 'yes' : 'no'), status: true },
  { header: 'own time', value: ({ ready, predictedMs }) => (ready ? seconds(predictedMs) : '-'), align: 'right' },
  {
    header: 'back after',
    value: ({ predictedBackAfterMs: ms }) => (ms === undefined ? '-' : seconds(ms)),
    align: 'right',
  },
  { header: 'problems', value: ({ problems }) => [...new Set(problems.map(({ code }) => code))].join(', ') || '-' },
]

/** Whoever is wanted running would come back. */
export const allReady = ({ instances }: DrillReport): boolean =>
  instances.every(({ wanted, ready }) => wanted === 'stopped' || ready)

export function drillText(report: DrillReport, paint: Paint): string {
  const { instances } = report
  if (instances.length === 0) return 'there are no instances\n'
  const wanted = instances.filter(one => one.wanted === 'running')
  const parts = [
    formatTable(instances, COLUMNS, paint),
    problemsText('would not come back:', wanted, paint),
    problemsText(
      'could not be started:',
      instances.filter(one => one.wanted === 'stopped'),
      paint,
    ),
    predictionText(report, wanted),
  ]
  return parts.filter(part => part !== '').join('\n')
}

function problemsText(title: string, instances: readonly DrilledInstance[], paint: Paint): string {
  const lines = instances
    .filter(({ ready }) => !ready)
    .flatMap(({ name, problems }) => [
      `  ${paint('bold', safeText(name))}\n`,
      ...problems.flatMap(({ message, hint }) => [
        `    ${paint('red', '✘')} ${safeText(message)}\n`,
        ...(hint === undefined ? [] : [`      ${paint('cyan', 'hint:')} ${safeText(hint)}\n`]),
      ]),
    ])
  return lines.length === 0 ? '' : `${title}\n${lines.join('')}`
}

function predictionText({ predictedMs, domainStart }: DrillReport, wanted: readonly DrilledInstance[]): string {
  const ready = wanted.filter(one => one.ready).length
  if (ready === 0) return wanted.length === 0 ? 'no instance is wanted running\n' : 'no instance would come back\n'
  const who = ready < wanted.length ? `${ready} of ${wanted.length} instances` : `all ${ready} instances`
  const start = `${seconds(domainStart.ms)} for each start of a domain`
  const from =
    domainStart.from === 'journal' ? 'the median of late, by the journal' : 'assumed: the journal has no start'
  return (
    `${ready === 1 && wanted.length === 1 ? 'the instance' : who} would be back after ${seconds(predictedMs)}\n` +
    `computed from the times of keys and key slots as measured now, and ${start} (${from})\n`
  )
}

/** A line of progress. */
export const drilledLine = ({ name, ready, predictedMs, problems }: DrilledInstance, paint: Paint): string =>
  ready
    ? `${paint('green', '✔')} instance ${safeText(name)} would start, ${seconds(predictedMs)} by itself`
    : `${paint('red', '✘')} instance ${safeText(name)}: ${safeText(problems[0]?.message ?? 'not ready')}`

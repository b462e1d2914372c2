import type { OperationView } from '#src/engine/api.ts'
import { argument, defineCommand, dryRun } from '../define.ts'
import { findOperation } from '../lookup.ts'
import { printPlan, printResult } from '../report.ts'
import type { AnyPlan } from '../views.ts'

export const command = defineCommand({
  description:
    'Drive an interrupted or stuck operation forward, or back, from what is recorded and what is really there. ' +
    'Safe to repeat.',
  examples: [{ command: 'holdfast operation resume 1c2d', meaning: 'finish or undo it' }],
  arguments: [argument('OPERATION', 'id')],
  options: { dryRun },
  async run(context, options, text) {
    const holdfast = await context.open(options.dryRun ? 'read' : 'write')
    const { id } = await findOperation(holdfast, text)
    if (options.dryRun) return printPlan(context, planResume(await holdfast.operations.show(id)))
    const result = await holdfast.operations.resume(id, context.run())
    const { kind, instanceName, state } = result.operation
    const label = `${kind} of instance ${instanceName}`
    printResult(context, result, {
      json: {},
      made: state === 'rolled-back' ? `${label} is undone` : `${label} is ${state}`,
      already: `${label} is ${state}; there was nothing to do`,
    })
  },
})

/** What a resumption would begin with: the steps whose end is not recorded. */
function planResume({ record, entries }: OperationView): AnyPlan {
  const last = new Map(entries.map(entry => [entry.step, entry]))
  const open = [...last.values()].filter(({ event }) => event !== 'done' && event !== 'undone')
  const resumable = record.state === 'running' || record.state === 'stuck'
  return {
    kind: 'resume',
    instance: record.instanceId,
    steps: resumable
      ? [
          {
            action: 'resume',
            subject: record.id,
            title: `resume ${record.kind} of instance ${record.instanceName}, begun ${new Date(record.startedAt).toISOString()}`,
            depth: 0,
          },
          ...open.map(({ action, subject, event }) => ({
            action,
            subject,
            title: `${action} ${subject}: ${event}, end not recorded; look what is really there`,
            depth: 1,
          })),
        ]
      : [],
    problems: resumable
      ? []
      : [
          {
            code: 'invalid-operation',
            message: `operation ${record.id} is ${record.state}; there is nothing to resume`,
          },
        ],
  }
}

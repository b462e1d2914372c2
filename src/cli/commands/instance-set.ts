import { HoldfastError } from '#src/core/error.ts'
import { argument, defineCommand, dryRun, integer } from '../define.ts'
import { PRIORITY_RANGE } from '../instance-spec.ts'
import { findInstance } from '../lookup.ts'
import { printPlan } from '../report.ts'
import { safeText } from '../terminal-text.ts'
import { instanceJson } from '../views.ts'

export const command = defineCommand({
  description: 'Change what is recorded of an instance. Its guest goes on as it is.',
  examples: [
    { command: 'holdfast instance set dns-1 --priority 100', meaning: 'back before the others after a host boot' },
    { command: 'holdfast instance set lab --priority -5', meaning: 'back after the others' },
  ],
  arguments: [argument('INSTANCE', 'name or id')],
  options: {
    priority: integer('--priority <n>', 'higher ones come back first after a host boot', PRIORITY_RANGE),
    dryRun,
  },
  async run(context, { priority, dryRun: planOnly }, text) {
    if (priority === undefined) {
      throw new HoldfastError('invalid-input', 'usage', 'there is nothing to set: --priority N is missing', {
        details: { hint: 'holdfast instance set --help' },
      })
    }
    const holdfast = await context.open(planOnly ? 'read' : 'write')
    const view = await findInstance(holdfast, text)
    const { id, name, priority: before } = view.record
    if (planOnly) {
      const title = `set the priority of instance ${name} from ${before} to ${priority}`
      const steps = before === priority ? [] : [{ action: 'set', subject: id, title, depth: 0 }]
      return printPlan(context, { kind: 'set', instance: id, steps, problems: [] })
    }
    const record = await holdfast.instances.update(id, { priority })
    const change = before === priority ? 'already' : 'made'
    context.result(
      { ...instanceJson({ ...view, record }), change },
      () => `instance ${safeText(name)} has priority ${priority}${change === 'already' ? ' already' : ''}\n`,
    )
  },
})

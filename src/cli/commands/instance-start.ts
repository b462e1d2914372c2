import { argument, defineCommand, dryRun } from '../define.ts'
import { runOnInstance } from '../instance-verb.ts'

export const command = defineCommand({
  description: 'Start an instance: its volumes are connected and unlocked, and its domain is built anew.',
  examples: [{ command: 'holdfast instance start web-1', meaning: 'start it' }],
  arguments: [argument('INSTANCE', 'name or id')],
  options: { dryRun },
  run: (context, options, text) =>
    runOnInstance(context, text, {
      dryRun: options.dryRun,
      plan: id => ({ kind: 'start', id }),
      run: (instances, id) => instances.start(id, context.run()),
      made: name => `instance ${name} is started`,
      already: name => `instance ${name} is running already`,
    }),
})

import { argument, defineCommand, dryRun } from '../define.ts'
import { runOnInstance } from '../instance-verb.ts'

export const command = defineCommand({
  description:
    'Delete an instance. Its volumes are detached and stay, but those marked delete-on-termination. No question is ' +
    'asked. The name must be whole, or the id (or at least 8 characters of it).',
  examples: [
    { command: 'holdfast instance delete web-1', meaning: 'delete it' },
    { command: 'holdfast instance delete web-1 --dry-run', meaning: 'see what would be done' },
  ],
  arguments: [argument('INSTANCE', 'name or id')],
  options: { dryRun },
  run: (context, options, text) =>
    runOnInstance(context, text, {
      dryRun: options.dryRun,
      strict: true,
      gone: true,
      plan: id => ({ kind: 'delete', id }),
      run: (instances, id) => instances.delete(id, context.run()),
      made: name => `instance ${name} is deleted`,
      already: name => `instance ${name} was deleted already`,
    }),
})

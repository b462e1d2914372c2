import { argument, defineCommand, dryRun, flag, integer } from '../define.ts'
import { runOnInstance } from '../instance-verb.ts'

export const command = defineCommand({
  description: 'Stop an instance: the guest is asked to power off, and if it does not the plug is pulled.',
  examples: [
    { command: 'holdfast instance stop web-1', meaning: 'ask the guest' },
    { command: 'holdfast instance stop web-1 --now', meaning: 'pull the plug' },
  ],
  arguments: [argument('INSTANCE', 'name or id')],
  options: {
    grace: integer('--grace <seconds>', 'how long the guest may take', { minimum: 0, maximum: 86_400 }),
    now: flag('--now', 'do not ask the guest', { conflicts: ['grace'] }),
    dryRun,
  },
  run: (context, options, text) => {
    const grace = options.now ? 0 : options.grace
    const graceMs = grace === undefined ? {} : { graceMs: grace * 1000 }
    return runOnInstance(context, text, {
      dryRun: options.dryRun,
      plan: id => ({ kind: 'stop', id }),
      run: (instances, id) => instances.stop(id, { ...context.run(), ...graceMs }),
      made: name => `instance ${name} is stopped`,
      already: name => `instance ${name} is stopped already`,
    })
  },
})

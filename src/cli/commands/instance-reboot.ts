import { HoldfastError } from '#src/core/error.ts'
import { argument, defineCommand, dryRun, flag } from '../define.ts'
import { runOnInstance } from '../instance-verb.ts'

export const command = defineCommand({
  description:
    'Reboot an instance. Soft: the guest is asked, and the reboot becomes a hard one if it does not answer. Hard: the ' +
    'instance is torn down, from whatever state it is in, and built again from what is recorded.',
  examples: [
    { command: 'holdfast instance reboot web-1', meaning: 'ask the guest' },
    { command: 'holdfast instance reboot web-1 --hard', meaning: 'tear it down and build it again' },
    { command: 'holdfast instance reboot web-1 --hard --dry-run', meaning: 'see every step, do none' },
  ],
  arguments: [argument('INSTANCE', 'name or id')],
  options: {
    hard: flag('--hard', 'tear it down and build it again'),
    force: flag('--force', 'with --hard: go on although something that the way up needs is missing'),
    dryRun,
  },
  async run(context, options, text) {
    if (options.force && !options.hard) {
      throw new HoldfastError('invalid-input', 'usage', '--force goes with --hard', {
        details: { hint: 'holdfast instance reboot --help' },
      })
    }
    await runOnInstance(context, text, {
      dryRun: options.dryRun,
      plan: id => ({ kind: options.hard ? 'hard-reboot' : 'soft-reboot', id }),
      run: (instances, id) =>
        options.hard
          ? instances.hardReboot(id, { ...context.run(), force: options.force ?? false })
          : instances.softReboot(id, context.run()),
      made: name => `instance ${name} is rebooted`,
      already: name => `instance ${name} needed no reboot`,
    })
  },
})

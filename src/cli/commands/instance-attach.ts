import { argument, defineCommand, dryRun } from '../define.ts'
import { runOnInstance } from '../instance-verb.ts'
import { findVolume } from '../lookup.ts'

export const command = defineCommand({
  description: 'Attach a volume to an instance, running or not.',
  examples: [{ command: 'holdfast instance attach web-1 data-1', meaning: 'give data-1 to web-1' }],
  arguments: [argument('INSTANCE', 'name or id'), argument('VOLUME', 'name or id')],
  options: { dryRun },
  async run(context, options, text, volumeText) {
    const holdfast = await context.open(options.dryRun ? 'read' : 'write')
    const volume = await findVolume(holdfast, volumeText, context.signal)
    const label = volume.name ?? volume.id
    await runOnInstance(context, text, {
      dryRun: options.dryRun,
      plan: id => ({ kind: 'attach', id, volumeId: volume.id }),
      run: (instances, id) => instances.attach(id, volume.id, context.run()),
      made: name => `volume ${label} is attached to instance ${name}`,
      already: name => `volume ${label} is attached to instance ${name} already`,
    })
  },
})

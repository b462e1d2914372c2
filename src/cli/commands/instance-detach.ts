import type { InstanceView } from '#src/engine/api.ts'
import type { Holdfast } from '#src/holdfast.ts'
import { argument, defineCommand, dryRun } from '../define.ts'
import { runOnInstance } from '../instance-verb.ts'
import { findInstance, findVolume } from '../lookup.ts'

export const command = defineCommand({
  description: 'Detach a volume from an instance, running or not. Its data stays.',
  examples: [{ command: 'holdfast instance detach web-1 data-1', meaning: 'take data-1 from web-1' }],
  arguments: [argument('INSTANCE', 'name or id'), argument('VOLUME', 'name or id')],
  options: { dryRun },
  async run(context, options, text, volumeText) {
    const holdfast = await context.open(options.dryRun ? 'read' : 'write')
    const view = await findInstance(holdfast, text)
    const volume = await volumeOf(holdfast, view, volumeText, context.signal)
    const label = volume.name ?? volume.id
    await runOnInstance(context, view.record.id, {
      dryRun: options.dryRun,
      plan: id => ({ kind: 'detach', id, volumeId: volume.id }),
      run: (instances, id) => instances.detach(id, volume.id, context.run()),
      made: name => `volume ${label} is detached from instance ${name}`,
      already: name => `volume ${label} was not attached to instance ${name}`,
    })
  },
})

/** One of its volumes by whole id even if the volume service has it no more; else by name. */
async function volumeOf(holdfast: Holdfast, { mappings }: InstanceView, text: string, signal: AbortSignal) {
  const mapping = mappings.find(({ volumeId }) => volumeId === text)
  return mapping === undefined ? findVolume(holdfast, text, signal) : { id: mapping.volumeId, name: null }
}

import { argument, defineCommand, dryRun } from '../define.ts'
import { findVolume } from '../lookup.ts'
import { printPlan } from '../report.ts'
import { volumeGone } from '../settle.ts'
import { safeText } from '../terminal-text.ts'

export const command = defineCommand({
  description:
    'Delete a volume, its data and its key. There is no way back and no question asked; a volume that is attached or ' +
    'has snapshots is refused. The name must be whole, or the id (or at least 8 characters of it).',
  examples: [
    { command: 'holdfast volume delete data-1', meaning: 'delete it' },
    { command: 'holdfast volume delete data-1 --dry-run', meaning: 'see what would refuse it' },
  ],
  arguments: [argument('VOLUME', 'name or id')],
  options: { dryRun },
  async run(context, options, text) {
    const holdfast = await context.openVolumes(options.dryRun ? 'read' : 'write')
    const volume = await findVolume(holdfast, text, context.signal, { strict: true })
    if (options.dryRun) {
      const { volumePlans } = await import('#src/index.ts')
      return printPlan(
        context,
        volumePlans.planVolumeDelete(volume, await holdfast.volumes.getAllSnapshots(context.signal)),
      )
    }
    const label = volume.name ?? volume.id
    const work = async () => {
      await holdfast.volumes.delete(volume.id, context.signal)
      await volumeGone(holdfast, volume, context.signal)
    }
    await context.progress.during(`delete volume ${label}`, work())
    context.result({ id: volume.id, name: volume.name, deleted: true }, () => `volume ${safeText(label)} is deleted\n`)
  },
})

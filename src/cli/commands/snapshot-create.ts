import { argument, defineCommand, dryRun, flag, text } from '../define.ts'
import { findVolume } from '../lookup.ts'
import { printPlan } from '../report.ts'
import { snapshotFields } from '../rows.ts'
import { settledSnapshot } from '../settle.ts'
import { formatFields } from '../table.ts'
import { snapshotJson } from '../views.ts'

export const command = defineCommand({
  examples: [
    { command: 'holdfast snapshot create data-1 --name nightly', meaning: 'of a volume at rest' },
    { command: 'holdfast snapshot create data-1 --force', meaning: 'of one in use: as after a power cut' },
  ],
  arguments: [argument('VOLUME', 'name or id')],
  options: {
    name: text('--name <name>', 'name of the snapshot'),
    force: flag('--force', 'also while it is in use; what the guest has not written yet is not in it'),
    dryRun,
  },
  async run(context, options, volumeText) {
    const holdfast = await context.openVolumes(options.dryRun ? 'read' : 'write')
    const volume = await findVolume(holdfast, volumeText, context.signal)
    const force = options.force ?? false
    if (options.dryRun) {
      const { volumePlans } = await import('#src/index.ts')
      const limits = await holdfast.volumes.getAbsoluteLimits(context.signal)
      return printPlan(context, volumePlans.planSnapshotCreate(volume, { name: options.name, force }, limits))
    }
    const request = options.name === undefined ? { force } : { force, name: options.name }
    const title = `snapshot volume ${volume.name ?? volume.id}`
    const work = async () => {
      const accepted = await holdfast.volumes.createSnapshot(volume.id, request, context.signal)
      return await settledSnapshot(holdfast, accepted, context.signal)
    }
    const snapshot = await context.progress.during(title, work())
    context.result(snapshotJson(snapshot), () => formatFields(snapshotFields(snapshot), context.paint))
  },
})

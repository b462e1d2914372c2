import { argument, defineCommand, dryRun, integerArgument, SIZE_RANGE } from '../define.ts'
import { findVolume } from '../lookup.ts'
import { printPlan } from '../report.ts'
import { volumeFields } from '../rows.ts'
import { settledVolume } from '../settle.ts'
import { formatFields } from '../table.ts'
import { volumeJson } from '../views.ts'

export const command = defineCommand({
  description: 'Make a volume larger. It must not be attached, and cannot be made smaller again.',
  examples: [{ command: 'holdfast volume extend data-1 20', meaning: 'to 20 GiB' }],
  arguments: [argument('VOLUME', 'name or id'), integerArgument('SIZE', 'new size in GiB', SIZE_RANGE)],
  options: { dryRun },
  async run(context, options, text, size) {
    const holdfast = await context.openVolumes(options.dryRun ? 'read' : 'write')
    const volume = await findVolume(holdfast, text, context.signal)
    if (options.dryRun) {
      const { volumePlans } = await import('#src/index.ts')
      return printPlan(
        context,
        volumePlans.planVolumeExtend(volume, size, await holdfast.volumes.getAbsoluteLimits(context.signal)),
      )
    }
    const title = `extend volume ${volume.name ?? volume.id} to ${size} GiB`
    const { signal } = context
    const work = async () => {
      const accepted = await holdfast.volumes.extend(volume.id, size, signal)
      return await settledVolume(holdfast, accepted, { what: `extend it to ${size} GiB`, wait: true, signal })
    }
    const extended = await context.progress.during(title, work())
    context.result(volumeJson(extended), () => formatFields(volumeFields(extended), context.paint))
  },
})

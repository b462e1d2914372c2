import { argument, defineCommand, dryRun } from '../define.ts'
import { findVolumeType } from '../lookup.ts'
import { printPlan } from '../report.ts'
import { safeText } from '../terminal-text.ts'

export const command = defineCommand({
  description: 'Delete a volume type. Refused while a volume has it.',
  examples: [{ command: 'holdfast volume type delete luks2', meaning: 'delete it' }],
  arguments: [argument('TYPE', 'name or id')],
  options: { dryRun },
  async run(context, options, text) {
    const holdfast = await context.openVolumes(options.dryRun ? 'read' : 'write')
    const type = await findVolumeType(holdfast, text, context.signal, { strict: true })
    if (options.dryRun) {
      const { volumePlans } = await import('#src/index.ts')
      return printPlan(context, volumePlans.planTypeDelete(type, await holdfast.volumes.getAll({}, context.signal)))
    }
    await holdfast.volumes.deleteVolumeType(type.id, context.signal)
    context.result(
      { id: type.id, name: type.name, deleted: true },
      () => `volume type ${safeText(type.name)} is deleted\n`,
    )
  },
})

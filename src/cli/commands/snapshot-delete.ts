import { argument, defineCommand, dryRun } from '../define.ts'
import { findSnapshot } from '../lookup.ts'
import { printPlan } from '../report.ts'
import { snapshotGone } from '../settle.ts'
import { safeText } from '../terminal-text.ts'

export const command = defineCommand({
  description:
    'Delete a snapshot and its data. There is no way back and no question asked. The name must be whole, or the id ' +
    '(or at least 8 characters of it).',
  examples: [{ command: 'holdfast snapshot delete nightly', meaning: 'delete it' }],
  arguments: [argument('SNAPSHOT', 'name or id')],
  options: { dryRun },
  async run(context, options, text) {
    const holdfast = await context.openVolumes(options.dryRun ? 'read' : 'write')
    const snapshot = await findSnapshot(holdfast, text, context.signal, { strict: true })
    if (options.dryRun) {
      const { volumePlans } = await import('#src/index.ts')
      return printPlan(context, volumePlans.planSnapshotDelete(snapshot))
    }
    const label = snapshot.name ?? snapshot.id
    const work = async () => {
      await holdfast.volumes.deleteSnapshot(snapshot.id, context.signal)
      await snapshotGone(holdfast, snapshot, context.signal)
    }
    await context.progress.during(`delete snapshot ${label}`, work())
    context.result(
      { id: snapshot.id, name: snapshot.name, deleted: true },
      () => `snapshot ${safeText(label)} is deleted\n`,
    )
  },
})

import { argument, defineCommand } from '../define.ts'
import { findSnapshot } from '../lookup.ts'
import { snapshotFields } from '../rows.ts'
import { formatFields } from '../table.ts'
import { snapshotJson } from '../views.ts'

export const command = defineCommand({
  examples: [{ command: 'holdfast snapshot show nightly', meaning: 'by name' }],
  arguments: [argument('SNAPSHOT', 'name or id')],
  options: {},
  async run(context, _, text) {
    const holdfast = await context.open('read')
    const snapshot = await findSnapshot(holdfast, text, context.signal)
    context.result(snapshotJson(snapshot), () => formatFields(snapshotFields(snapshot), context.paint))
  },
})

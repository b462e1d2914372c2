import { defineCommand } from '../define.ts'
import { printList } from '../report.ts'
import { SNAPSHOT_COLUMNS } from '../rows.ts'
import { snapshotJson } from '../views.ts'

export const command = defineCommand({
  examples: [{ command: 'holdfast snapshot list', meaning: 'a table' }],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    printList(context, await holdfast.volumes.getAllSnapshots(context.signal), {
      json: snapshotJson,
      columns: SNAPSHOT_COLUMNS,
      empty: 'There are no snapshots. Take one: holdfast snapshot create VOLUME --name nightly',
    })
  },
})

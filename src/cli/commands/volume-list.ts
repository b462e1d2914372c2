import { defineCommand } from '../define.ts'
import { printList } from '../report.ts'
import { VOLUME_COLUMNS } from '../rows.ts'
import { volumeJson } from '../views.ts'

export const command = defineCommand({
  examples: [
    { command: 'holdfast volume list', meaning: 'a table' },
    { command: "holdfast volume list --json | jq -r '.[].id'", meaning: 'all ids' },
  ],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    const volumes = await holdfast.volumes.getAll({}, context.signal)
    printList(context, volumes, {
      json: volumeJson,
      columns: VOLUME_COLUMNS,
      empty: 'There are no volumes. Create one: holdfast volume create --size 1 data-1',
    })
  },
})

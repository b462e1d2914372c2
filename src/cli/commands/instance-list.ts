import { defineCommand } from '../define.ts'
import { printList } from '../report.ts'
import { INSTANCE_COLUMNS } from '../rows.ts'
import { instanceJson } from '../views.ts'

export const command = defineCommand({
  examples: [{ command: 'holdfast instance list', meaning: 'a table' }],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    printList(context, await holdfast.instances.list(), {
      json: instanceJson,
      columns: INSTANCE_COLUMNS,
      empty:
        'There are no instances. Create one: holdfast instance create NAME --memory 512 --cpus 1 --boot-volume VOLUME',
    })
  },
})

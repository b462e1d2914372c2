import { defineCommand } from '../define.ts'
import { printList } from '../report.ts'
import { instanceColumns } from '../rows.ts'
import { instanceJson } from '../views.ts'

export const command = defineCommand({
  examples: [{ command: 'holdfast instance list', meaning: 'a table' }],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    const instances = await holdfast.instances.list()
    printList(context, instances, {
      json: instanceJson,
      columns: instanceColumns(instances),
      empty:
        'There are no instances. Create one: holdfast instance create NAME --memory 512 --cpus 1 --boot-volume VOLUME',
    })
  },
})

import { defineCommand, flag } from '../define.ts'
import { printList } from '../report.ts'
import { OPERATION_COLUMNS } from '../rows.ts'
import { operationJson } from '../views.ts'

export const command = defineCommand({
  description: 'List operations that are under way, interrupted or stuck.',
  examples: [
    { command: 'holdfast operation list', meaning: 'what is unfinished' },
    { command: 'holdfast operation list --all', meaning: 'everything that was done' },
  ],
  arguments: [],
  options: { all: flag('--all', 'finished ones too') },
  async run(context, options) {
    const holdfast = await context.open('read')
    const operations = await holdfast.operations.list(options.all ? {} : { unfinished: true })
    printList(context, operations, {
      json: operationJson,
      columns: OPERATION_COLUMNS,
      empty: options.all ? 'There are no operations.' : 'Nothing is unfinished. --all lists finished operations too.',
    })
  },
})

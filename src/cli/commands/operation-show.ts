import { argument, defineCommand } from '../define.ts'
import { findOperation } from '../lookup.ts'
import { ENTRY_COLUMNS, operationFields } from '../rows.ts'
import { formatFields, formatTable } from '../table.ts'
import { operationViewJson } from '../views.ts'

export const command = defineCommand({
  description: 'Show an operation, its error and its journal.',
  examples: [{ command: 'holdfast operation show 1c2d', meaning: 'by the beginning of its id' }],
  arguments: [argument('OPERATION', 'id')],
  options: {},
  async run(context, _, text) {
    const holdfast = await context.open('read')
    const { id } = await findOperation(holdfast, text)
    const view = await holdfast.operations.show(id)
    context.result(operationViewJson(view), () => {
      const fields = formatFields(operationFields(view), context.paint)
      return view.entries.length === 0
        ? fields
        : `${fields}\n${formatTable(view.entries, ENTRY_COLUMNS, context.paint)}`
    })
  },
})

import { argument, defineCommand } from '../define.ts'
import { findInstance } from '../lookup.ts'
import { instanceFields } from '../rows.ts'
import { formatFields } from '../table.ts'
import { instanceJson } from '../views.ts'

export const command = defineCommand({
  examples: [{ command: 'holdfast instance show web-1', meaning: 'by name' }],
  arguments: [argument('INSTANCE', 'name or id')],
  options: {},
  async run(context, _, text) {
    const holdfast = await context.open('read')
    const view = await findInstance(holdfast, text)
    context.result(instanceJson(view), () => formatFields(instanceFields(view), context.paint))
  },
})

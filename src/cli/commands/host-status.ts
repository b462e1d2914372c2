import { defineCommand } from '../define.ts'
import { ABILITY_COLUMNS, hostFields } from '../rows.ts'
import { formatFields, formatTable } from '../table.ts'
import { hostJson } from '../views.ts'

export const command = defineCommand({
  description: 'Show what this host can do, what it lacks and how to get it.',
  examples: [{ command: 'holdfast host status', meaning: 'before the first instance' }],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    const status = await holdfast.hostStatus()
    context.result(hostJson(status), () => {
      const fields = formatFields(hostFields(status), context.paint)
      return `${fields}\n${formatTable(status.abilities, ABILITY_COLUMNS, context.paint)}`
    })
  },
})

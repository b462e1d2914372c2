import { defineCommand } from '../define.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { FILE_COLUMNS, stateFileJson } from '../state-views.ts'
import { formatTable } from '../table.ts'

export const command = defineCommand({
  description:
    'Look through all records in the state directory, every row of them. Changes nothing, and works also where the state ' +
    `cannot be opened. Ends with ${EXIT_CODES.corrupt} if something is damaged.`,
  examples: [{ command: 'holdfast state check', meaning: 'after the disk below it had errors' }],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    const files = await context.progress.during('look through the records', holdfast.state.check())
    context.result(files.map(stateFileJson), () => formatTable(files, FILE_COLUMNS, context.paint))
    if (files.every(({ problem }) => problem === undefined)) return
    context.note("'holdfast state restore' puts the newest whole backup in the place of what is damaged")
    context.exitWith(EXIT_CODES.corrupt)
  },
})

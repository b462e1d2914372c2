import { defineCommand } from '../define.ts'
import { OTHER_EXIT_CODES } from '../exit-codes.ts'
import { allReady, drilledLine, drillText } from '../host/drill-text.ts'
import { drillJson } from '../host/json.ts'

export const command = defineCommand({
  description:
    'Try what the next boot of every instance would need: storage, keys, key slots, interfaces. Nothing is changed and ' +
    'no guest is disturbed. Says who would not come back and why, and how long the whole host would take. ' +
    `Ends with ${OTHER_EXIT_CODES.notBack} if an instance that is wanted running would not come back.`,
  examples: [
    { command: 'holdfast host drill', meaning: 'before a boot of the host' },
    { command: 'holdfast host drill --json', meaning: 'with each volume: key, key slot and memory' },
  ],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    const report = await holdfast.host.drill({
      signal: context.signal,
      onInstance: one => context.progress.line(drilledLine(one, context.progress.paint)),
    })
    context.result(drillJson(report), () => drillText(report, context.paint))
    if (!allReady(report)) context.exitWith(OTHER_EXIT_CODES.notBack)
  },
})

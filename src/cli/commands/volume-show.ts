import { argument, defineCommand } from '../define.ts'
import { findVolume } from '../lookup.ts'
import { volumeFields } from '../rows.ts'
import { formatFields } from '../table.ts'
import { volumeJson } from '../views.ts'

export const command = defineCommand({
  examples: [
    { command: 'holdfast volume show data-1', meaning: 'by name' },
    { command: 'holdfast volume show 7f3a', meaning: 'by the beginning of its id' },
  ],
  arguments: [argument('VOLUME', 'name or id')],
  options: {},
  async run(context, _, text) {
    const holdfast = await context.open('read')
    const volume = await findVolume(holdfast, text, context.signal)
    context.result(volumeJson(volume), () => formatFields(volumeFields(volume), context.paint))
  },
})

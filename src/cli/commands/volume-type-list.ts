import { defineCommand } from '../define.ts'
import { printList } from '../report.ts'
import { VOLUME_TYPE_COLUMNS } from '../rows.ts'
import { volumeTypeJson } from '../views.ts'

export const command = defineCommand({
  examples: [{ command: 'holdfast volume type list', meaning: 'a table' }],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    printList(context, await holdfast.volumes.getAllVolumeTypes(context.signal), {
      json: volumeTypeJson,
      columns: VOLUME_TYPE_COLUMNS,
      empty: 'There are no volume types. Create one: holdfast volume type create luks2 --encryption-provider luks2',
    })
  },
})

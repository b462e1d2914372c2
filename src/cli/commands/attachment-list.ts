import type { AttachmentFilter } from '#src/volumes/volume-service.ts'
import { ATTACHMENT_COLUMNS, attachmentJson } from '../attachment-views.ts'
import { defineCommand, text } from '../define.ts'
import { findVolume } from '../lookup.ts'
import { printList } from '../report.ts'

export const command = defineCommand({
  description: 'List attachments as the volume service has them: all, those of a volume, or those of an instance.',
  examples: [
    { command: 'holdfast attachment list', meaning: 'all' },
    { command: 'holdfast attachment list --volume data-1', meaning: 'who has this volume' },
  ],
  arguments: [],
  options: {
    volume: text('--volume <volume>', 'name or id of a volume'),
    instance: text('--instance <id>', 'id of an instance, also of another host'),
  },
  async run(context, options) {
    const holdfast = await context.open('read')
    const { signal } = context
    const volume = options.volume === undefined ? undefined : await findVolume(holdfast, options.volume, signal)
    const filter: AttachmentFilter = { volumeId: volume?.id, instanceId: options.instance, all: true }
    printList(context, await holdfast.volumes.attachmentGetAll(filter, signal), {
      json: attachmentJson,
      columns: ATTACHMENT_COLUMNS,
      empty: 'There are no such attachments.',
    })
  },
})

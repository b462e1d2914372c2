import { attachmentFields, attachmentJson } from '../attachment-views.ts'
import { argument, defineCommand } from '../define.ts'
import { findAttachment } from '../lookup.ts'
import { formatFields } from '../table.ts'

export const command = defineCommand({
  description: 'Show an attachment as the volume service has it, with how its host reaches the volume.',
  examples: [{ command: 'holdfast attachment show 7f3a', meaning: 'by the beginning of its id' }],
  arguments: [argument('ATTACHMENT', 'id')],
  options: {},
  async run(context, _, text) {
    const holdfast = await context.open('read')
    const { id } = await findAttachment(holdfast, text, context.signal)
    const attachment = await holdfast.volumes.attachmentGet(id, context.signal)
    context.result(attachmentJson(attachment), () => formatFields(attachmentFields(attachment), context.paint))
  },
})

import { HoldfastError } from '#src/core/error.ts'
import type { Holdfast } from '#src/holdfast.ts'
import type { Attachment } from '#src/volumes/volume-service.ts'
import { confirm, requireConfirmable } from '../confirm.ts'
import { argument, defineCommand, dryRun, flag } from '../define.ts'
import { findAttachment } from '../lookup.ts'
import { printPlan } from '../report.ts'

export const command = defineCommand({
  description:
    'Give up an attachment at the volume service, such as one that a host which is gone has left. The host that has the volume ' +
    'connected is not asked: its guest would go on writing to a volume that another may be given. An attachment of an instance ' +
    'of this host is refused; detach the volume instead. Asks first.',
  examples: [
    { command: 'holdfast attachment delete 7f3a91c2', meaning: 'ask, then give it up' },
    { command: 'holdfast attachment delete 7f3a91c2 --dry-run', meaning: 'only show what would be done' },
  ],
  arguments: [argument('ATTACHMENT', 'id, or at least 8 characters of it')],
  options: { yes: flag('--yes', 'do not ask'), dryRun },
  async run(context, options, text) {
    if (!options.dryRun) requireConfirmable(context, { yes: options.yes, verb: 'attachment delete' })
    const holdfast = await context.open(options.dryRun ? 'read' : 'write')
    const found = await findAttachment(holdfast, text, context.signal, { strict: true })
    const problems = await problemsOf(holdfast, found)
    const title = `delete attachment ${found.id} of volume ${found.volumeId} (${found.status} for ${found.instanceId ?? 'no instance'})`
    if (options.dryRun) {
      const steps = [{ action: 'delete', subject: found.id, title, depth: 0 }]
      return printPlan(context, { kind: 'attachment-delete', steps, problems })
    }
    const [problem] = problems
    if (problem)
      throw new HoldfastError('wrong-state', problem.code, problem.message, { details: { hint: problem.hint } })
    context.progress.settle()
    if (!options.yes && !(await confirm(context, `${title}?`))) return context.note('nothing was done')
    const work = holdfast.volumes.attachmentDelete(found.id, context.signal)
    const change = await context.progress.during(`delete attachment ${found.id}`, work)
    const said = change === 'made' ? 'is deleted' : 'was gone already'
    context.result({ id: found.id, volume_id: found.volumeId, deleted: true }, () => `attachment ${found.id} ${said}\n`)
  },
})

/** By the records of this host. */
async function problemsOf(holdfast: Holdfast, { id, volumeId, instanceId }: Attachment) {
  const views = await holdfast.instances.list()
  const owner = views.find(({ record, mappings }) =>
    mappings.some(row => row.attachmentId === id || (row.volumeId === volumeId && record.id === instanceId)),
  )
  if (!owner) return []
  const { name } = owner.record
  const message = `attachment ${id} is how instance '${name}' of this host has volume ${volumeId}`
  return [{ code: 'attachment-in-use', message, hint: `holdfast instance detach ${name} ${volumeId}` }]
}

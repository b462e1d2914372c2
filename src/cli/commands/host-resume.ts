import { HoldfastError } from '#src/core/error.ts'
import type { CliContext } from '../context.ts'
import { defineCommand, dryRun, integer } from '../define.ts'
import { OTHER_EXIT_CODES } from '../exit-codes.ts'
import { resumeJson } from '../host/json.ts'
import { planResume } from '../host/resume-plan.ts'
import { allBack } from '../host/resume-tally.ts'
import { InstanceLines, resumeText } from '../host/resume-text.ts'
import { runOnMany } from '../host/run-on-many.ts'
import { printPlan } from '../report.ts'

export const command = defineCommand({
  description:
    'Bring back every instance that is wanted running and that a boot of the host ended: by priority, side by side. ' +
    'First the operations that were left unfinished are ended. What runs is not touched, so it is safe to repeat. ' +
    'Instances whose key manager or volume service does not answer wait for it.',
  examples: [
    { command: 'holdfast host resume', meaning: 'after a boot of the host' },
    { command: 'holdfast host resume --wait 0', meaning: 'do not wait for what does not answer' },
    { command: 'holdfast host resume --dry-run', meaning: 'who would be brought back, in which order' },
  ],
  arguments: [],
  options: {
    wait: integer(
      '--wait <seconds>',
      'how long to wait for a key manager or volume service (the default is deadlines.resume); 0: not at all',
      { minimum: 0, maximum: 86_400 },
    ),
    dryRun,
  },
  async run(context, options) {
    if (options.dryRun) return dryRunOf(context)
    const { deadlines } = await context.config()
    const waitMs = (options.wait ?? deadlines.resume) * 1000
    const holdfast = await context.open('write')
    const onInstance = new InstanceLines(context, waitMs).tell
    const report = await holdfast.host.resume({ ...runOnMany(context), waitMs, onInstance })
    if (!context.global.json) {
      for (const { name, notes } of report.instances) for (const note of notes) context.note(`${name}: ${note}`)
    }
    context.result(resumeJson(report), () => resumeText(report, context.paint))
    if (allBack(report)) return
    if (context.signal.aborted) throw stopped(context.signal.reason)
    context.exitWith(OTHER_EXIT_CODES.notBack)
  },
})

async function dryRunOf(context: CliContext): Promise<void> {
  const holdfast = await context.open('read')
  const [{ bootId }, instances, unfinished] = await Promise.all([
    holdfast.hostStatus(),
    holdfast.instances.list(),
    holdfast.operations.list({ unfinished: true }),
  ])
  const { plan, notes } = planResume({ bootId, instances, unfinished })
  for (const note of notes) context.note(note)
  printPlan(context, plan)
}

/** The report is printed all the same; the error tells how to go on. */
const stopped = (reason: unknown): HoldfastError =>
  new HoldfastError('busy', 'interrupted', reason instanceof Error ? reason.message : 'stopped', {
    cause: reason,
    details: {
      left: 'those that are back stay; those that waited still wait, and the others are as they were',
      hint: '`holdfast host resume` goes on from here',
    },
  })

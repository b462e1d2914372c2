import { confirm, requireConfirmable } from '../confirm.ts'
import { defineCommand, dryRun, flag, optionalArgument } from '../define.ts'
import { printPlan } from '../report.ts'
import { restoredJson, restoredText, restoreTitle } from '../state-views.ts'

export const command = defineCommand({
  description:
    'Put a backup in the place of records that are damaged: the newest whole one of each damaged file, or the one that is ' +
    'named. What is there is moved aside, never deleted; instances, volumes and their data are not touched. Asks first. ' +
    'Afterwards `holdfast host check` says what differs between the records of then and what is there now.',
  examples: [
    { command: 'holdfast state restore', meaning: 'what is damaged, from the newest whole backup' },
    { command: 'holdfast state restore --dry-run', meaning: 'only show which' },
    { command: 'holdfast state restore holdfast-20261123T041500123.db --yes', meaning: 'this one, unasked' },
  ],
  arguments: [optionalArgument('BACKUP', 'file name of a backup, as `state backups` shows it')],
  options: { yes: flag('--yes', 'do not ask'), dryRun },
  async run(context, options, backup) {
    if (!options.dryRun) requireConfirmable(context, { yes: options.yes, verb: 'state restore' })
    const holdfast = await context.open(options.dryRun ? 'read' : 'write')
    const plan = await holdfast.state.plan(backup)
    if (options.dryRun) {
      const steps = plan.map(one => ({ action: 'restore', subject: one.path, title: restoreTitle(one), depth: 0 }))
      return printPlan(context, { kind: 'state-restore', steps, problems: [] })
    }
    context.progress.settle()
    if (!options.yes) {
      context.io.stderr.write(`would do:\n${plan.map(one => `  ${restoreTitle(one)}\n`).join('')}`)
      if (!(await confirm(context, 'do it?'))) return context.note('nothing was done')
    }
    const restored = await holdfast.state.restore(backup)
    context.result(restored.map(restoredJson), () => restoredText(restored))
    context.note("'holdfast host check' says what differs between these records and what is there now")
  },
})

import { HoldfastError } from '#src/core/error.ts'
import type { Finding, FixedFinding, HostCheck } from '#src/engine/host-api.ts'
import type { Holdfast } from '#src/holdfast.ts'
import { confirm, requireConfirmable } from '../confirm.ts'
import type { CliContext } from '../context.ts'
import { defineCommand, dryRun, flag, list } from '../define.ts'
import { EXIT_CODES, OTHER_EXIT_CODES } from '../exit-codes.ts'
import { checkText, fixedText, isDifference, wouldFixText } from '../host/check-text.ts'
import { chooseFindings } from '../host/choose-findings.ts'
import { checkJson, fixJson } from '../host/json.ts'
import { runOnMany } from '../host/run-on-many.ts'
import { printPlan } from '../report.ts'
import type { AnyPlan } from '../views.ts'

export const command = defineCommand({
  description:
    'Compare what is recorded with what is really on this host: domains, disks, crypt mappings, loop devices, secrets, ' +
    'taps and attachments. Changes nothing without --fix. --fix mends what Holdfast can mend without disturbing a ' +
    'guest, deleting data or touching what is not its own; it asks first. ' +
    `Ends with ${OTHER_EXIT_CODES.differences} if something differs.`,
  examples: [
    { command: 'holdfast host check', meaning: 'what differs, and what would mend it' },
    { command: 'holdfast host check --fix', meaning: 'mend what can be mended, after a question' },
    { command: 'holdfast host check --fix --yes --only loop-leftover:/dev/loop3', meaning: 'one finding, unasked' },
    { command: 'holdfast host check --json', meaning: 'for monitoring' },
  ],
  arguments: [],
  options: {
    fix: flag('--fix', 'mend what can be mended'),
    only: list('--only <finding>', 'with --fix: only the finding with this id; may be given again', value => value),
    yes: flag('--yes', 'with --fix: do not ask'),
    dryRun,
  },
  async run(context, options) {
    const { fix, only, yes } = options
    if (!fix) {
      refuseWithoutFix({ '--only': only.length > 0, '--yes': yes, '--dry-run': options.dryRun })
      return tell(context, await look(context, await context.open('read')))
    }
    if (options.dryRun) {
      const check = await look(context, await context.open('read'))
      return printPlan(context, planFix(chooseFindings(check.findings, only)))
    }
    requireConfirmable(context, { yes, verb: 'host check --fix' })
    const holdfast = await context.open('write')
    const check = await look(context, holdfast)
    const chosen = chooseFindings(check.findings, only)
    if (chosen.length === 0) return tellFixed(context, [], check)
    if (!yes && !(await ask(context, chosen))) {
      context.note('nothing was done')
      return tell(context, check)
    }
    const fixed = await holdfast.host.fix(chosen, runOnMany(context))
    tellFixed(context, fixed, await look(context, holdfast))
  },
})

function refuseWithoutFix(given: Readonly<Record<string, boolean | undefined>>): void {
  const [option] = Object.entries(given).find(([, there]) => there) ?? []
  if (option === undefined) return
  throw new HoldfastError('invalid-input', 'usage', `${option} goes with --fix`, {
    details: { hint: 'holdfast host check --help' },
  })
}

const look = (context: CliContext, holdfast: Holdfast): Promise<HostCheck> =>
  context.progress.during('look at this host', holdfast.host.check({ signal: context.signal }))

function ask(context: CliContext, chosen: readonly Finding[]): Promise<boolean> {
  context.progress.settle()
  context.io.stderr.write(`would do:\n${wouldFixText(chosen)}`)
  return confirm(context, chosen.length === 1 ? 'do it?' : `do these ${chosen.length}?`)
}

const planFix = (chosen: readonly Finding[]): AnyPlan => ({
  kind: 'host-check-fix',
  steps: chosen.flatMap(({ id, object, owner, mend }) =>
    mend.by === 'fix'
      ? [
          { action: 'fix', subject: id, title: `${mend.title}: ${object} (${owner})`, depth: 0 },
          ...mend.steps.map(title => ({ action: 'fix', subject: id, title, depth: 1 })),
        ]
      : [],
  ),
  problems: [],
})

function tell(context: CliContext, check: HostCheck): void {
  context.result(checkJson(check), () => checkText(check, context.paint))
  context.exitWith(exitCodeOf(check))
}

function tellFixed(context: CliContext, fixed: readonly FixedFinding[], after: HostCheck): void {
  context.result(fixJson(fixed, after), () => {
    const mended = fixed.length === 0 ? 'there is nothing that --fix could mend\n' : fixedText(fixed, context.paint)
    return `${mended}\n${checkText(after, context.paint)}`
  })
  const failed = fixed.some(({ outcome }) => outcome === 'failed')
  context.exitWith(failed ? OTHER_EXIT_CODES.differences : exitCodeOf(after))
}

/** Monitoring must not take for well what nobody could look at. */
function exitCodeOf({ findings, blind }: HostCheck): number {
  if (findings.some(isDifference)) return OTHER_EXIT_CODES.differences
  return blind.length > 0 ? EXIT_CODES.unavailable : OTHER_EXIT_CODES.success
}

import { HoldfastError } from '#src/core/error.ts'
import type { Finding } from '#src/engine/host-api.ts'
import { isFixable } from './check-text.ts'

/**
 * The findings to mend: all that Holdfast can mend, or those that `--only` names by id, or by the beginning of one.
 * @throws HoldfastError `finding-not-found`, `ambiguous-name`, `finding-not-fixable`
 */
export function chooseFindings(findings: readonly Finding[], only: readonly string[]): readonly Finding[] {
  if (only.length === 0) return findings.filter(isFixable)
  return [...new Set(only.map(text => chooseOne(findings, text)))]
}

function chooseOne(findings: readonly Finding[], text: string): Finding {
  const exact = findings.filter(({ id }) => id === text)
  const [finding, ...others] =
    exact.length > 0 || text === '' ? exact : findings.filter(({ id }) => id.startsWith(text))
  if (finding === undefined) {
    throw new HoldfastError('not-found', 'finding-not-found', `the check has no finding ${JSON.stringify(text)}`, {
      details: { hint: '`holdfast host check` shows what there is, each with its id; what is mended is gone' },
    })
  }
  if (others.length > 0) {
    const ids = [finding, ...others].map(({ id }) => id).join(', ')
    throw new HoldfastError('conflict', 'ambiguous-name', `${JSON.stringify(text)} could mean ${ids}`, {
      details: { hint: 'give the whole id' },
    })
  }
  if (!isFixable(finding)) throw notFixable(finding)
  return finding
}

function notFixable({ id, danger, mend }: Finding): HoldfastError {
  const why = danger === 'none' ? "it is not Holdfast's" : 'that is for you to decide'
  const hint = mend.by === 'operator' ? `${mend.title}: ${mend.commands.join('; ')}` : 'nothing has to be done about it'
  return new HoldfastError('wrong-state', 'finding-not-fixable', `--fix does not mend ${id}: ${why}`, {
    details: { hint },
  })
}

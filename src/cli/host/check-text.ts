import type { Danger, Finding, FixedFinding, HostCheck } from '#src/engine/host-api.ts'
import type { Colour, Paint } from '../style.ts'
import { safeText } from '../terminal-text.ts'

const GROUPS: readonly { readonly danger: Danger; readonly colour: Colour; readonly means: string }[] = [
  { danger: 'high', colour: 'red', means: 'data may come to harm, or be read by who should not' },
  { danger: 'medium', colour: 'yellow', means: 'an instance does not run as recorded, or its next start would fail' },
  { danger: 'low', colour: 'cyan', means: 'space or a name is taken up; the next operation on it would clean up' },
]

export const isDifference = ({ danger }: Finding): boolean => danger !== 'none'

export const isFixable = ({ mend }: Finding): boolean => mend.by === 'fix'

/** Most dangerous first, what is not ours last, then what could not be looked at, and the sum. */
export const checkText = (check: HostCheck, paint: Paint): string =>
  [...differences(check, paint), ...foreign(check, paint), ...blind(check, paint), summary(check)].join('\n')

const differences = ({ findings }: HostCheck, paint: Paint): readonly string[] =>
  GROUPS.flatMap(({ danger, colour, means }) => {
    const inGroup = findings.filter(finding => finding.danger === danger)
    const head = `${paint(colour, danger)}: ${means}\n`
    return inGroup.length === 0 ? [] : [head + inGroup.map(finding => findingText(finding, paint)).join('')]
  })

function findingText({ id, object, owner, message, mend }: Finding, paint: Paint): string {
  const more = mend.by === 'fix' ? mend.steps : mend.by === 'operator' ? mend.commands : []
  const by = mend.by === 'fix' ? '--fix would' : mend.by === 'operator' ? 'for you to decide' : ''
  const lines = [
    `  ${paint('bold', safeText(object))} (${safeText(owner)})`,
    `    ${safeText(message)}`,
    ...(mend.by === 'nobody' ? [] : [`    ${paint('cyan', `${by}:`)} ${safeText(mend.title)}`]),
    ...more.map(line => `      ${safeText(line)}`),
    `    ${paint('dim', safeText(id))}`,
  ]
  return lines.map(line => `${line}\n`).join('')
}

function foreign({ findings }: HostCheck, paint: Paint): readonly string[] {
  const others = findings.filter(finding => !isDifference(finding))
  if (others.length === 0) return []
  const lines = others.map(({ message }) => `  ${safeText(message)}\n`)
  return [`${paint('dim', "not Holdfast's, left alone:")}\n${lines.join('')}`]
}

function blind(check: HostCheck, paint: Paint): readonly string[] {
  if (check.blind.length === 0) return []
  const lines = check.blind.flatMap(({ part, error }) => [
    `  ${safeText(part)}: ${safeText(error.message)}\n`,
    ...(error.hint === undefined ? [] : [`    ${paint('cyan', 'hint:')} ${safeText(error.hint)}\n`]),
  ])
  return [`${paint('yellow', 'could not be looked at, so nothing is said of it:')}\n${lines.join('')}`]
}

function summary({ findings, blind: unseen, looked }: HostCheck): string {
  const found = findings.filter(isDifference)
  const at = `looked at ${lookedText(looked, new Set(unseen.map(({ part }) => part)))}\n`
  if (found.length === 0) return `nothing is wrong${unseen.length > 0 ? ' in what could be looked at' : ''}: ${at}`
  const counts = GROUPS.map(({ danger }) => ({ danger, count: found.filter(one => one.danger === danger).length }))
  const by = counts.filter(({ count }) => count > 0).map(({ danger, count }) => `${count} ${danger}`)
  const fixable = found.filter(isFixable).length
  const fix = fixable === 0 ? '' : `; \`holdfast host check --fix\` would mend ${fixable}`
  return `${counted(found.length, 'difference')} (${by.join(', ')})${fix}; ${at}`
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const NOUNS: readonly (readonly [keyof HostCheck['looked'], string])[] = [
  ['instances', 'instance'],
  ['domains', 'domain'],
  ['mappings', 'crypt mapping'],
  ['loops', 'loop device'],
  ['secrets', 'secret'],
  ['taps', 'tap'],
  ['attachments', 'attachment'],
]

/** Without what could not be looked at; attachments are asked for volume by volume. */
const lookedText = (looked: HostCheck['looked'], unseen: ReadonlySet<string>): string =>
  NOUNS.filter(([, noun]) => !unseen.has(`${noun}s`) && !(noun === 'attachment' && unseen.has('volumes')))
    .map(([key, noun]) => counted(looked[key], noun))
    .join(', ')

/** What `--fix` is about to do, for the question. */
export const wouldFixText = (findings: readonly Finding[]): string =>
  findings
    .flatMap(({ object, owner, mend }) =>
      mend.by === 'fix'
        ? [`${mend.title}: ${object} (${owner})`, ...mend.steps.map(step => `  ${step}`)].map(
            line => `  ${safeText(line)}\n`,
          )
        : [],
    )
    .join('')

const FIXED: Readonly<Record<FixedFinding['outcome'], readonly [Colour, string, string]>> = {
  fixed: ['green', '✔', 'fixed'],
  gone: ['dim', '–', 'gone already'],
  failed: ['red', '✘', 'not fixed'],
}

export const fixedText = (fixed: readonly FixedFinding[], paint: Paint): string =>
  fixed
    .flatMap(({ finding, outcome, error }) => {
      const [colour, mark, word] = FIXED[outcome]
      const why = error === undefined ? '' : `: ${safeText(error.message)}`
      return [
        `${paint(colour, mark)} ${word}: ${safeText(finding.object)}${why}\n`,
        ...(error?.hint === undefined ? [] : [`  ${paint('cyan', 'hint:')} ${safeText(error.hint)}\n`]),
      ]
    })
    .join('')

import { asHoldfastError } from '#src/core/error.ts'
import { recordError } from '#src/journal/recorded-error.ts'
import type { RunOptions } from '../../api.ts'
import type { Finding, FixedFinding, HostCheck } from '../../host-api.ts'
import { compareAttachments } from './attachments.ts'
import { compareDevices } from './devices.ts'
import { type Act, byDanger, type Diagnosis } from './diagnosis.ts'
import { compareDomains } from './disks.ts'
import { compareInstances } from './instances.ts'
import { type Looking, observe } from './observe.ts'
import { type Facts, Picture } from './picture.ts'

/** Everything in which what is recorded and what is there differ, most dangerous first. Pure. */
export function compare(facts: Facts): readonly Diagnosis[] {
  const picture = new Picture(facts)
  const found = [compareInstances, compareDomains, compareDevices, compareAttachments].flatMap(part => part(picture))
  return found.toSorted(byDanger)
}

export async function checkHost(looking: Looking): Promise<HostCheck> {
  const { facts, blind } = await observe(looking)
  return {
    checkedAt: looking.parts.clock.now(),
    findings: compare(facts).map(({ act: _, ...finding }) => finding),
    blind,
    looked: counts(facts),
  }
}

const counts = (facts: Facts): HostCheck['looked'] => ({
  instances: facts.instances.length,
  domains: facts.domains?.length ?? 0,
  mappings: facts.cryptMappings?.length ?? 0,
  loops: facts.sources?.length ?? 0,
  secrets: facts.secrets?.length ?? 0,
  taps: facts.taps?.length ?? 0,
  attachments: facts.attachments?.length ?? 0,
})

/** Interrupted operations first, for they may leave nothing else to mend; then what lies above before what lies below. */
const ORDER: readonly Act['do'][] = [
  'resume-operation',
  'tear-down',
  'lock',
  'remove-source',
  'release',
  'keep-attached',
  'resume-instance',
]

/** Runs the mends of these findings, each only if a look right before still finds it. */
export async function fixFindings(
  looking: Looking,
  findings: readonly Finding[],
  mend: (act: Act) => Promise<void>,
  { signal }: RunOptions,
): Promise<readonly FixedFinding[]> {
  const fixed: FixedFinding[] = []
  const now = async () => compare((await observe(looking)).facts)
  const first = await now()
  const rank = ({ id }: Finding) => ORDER.indexOf(first.find(found => found.id === id)?.act?.do ?? 'keep-attached')
  for (const finding of findings.filter(({ mend: { by } }) => by === 'fix').toSorted((a, b) => rank(a) - rank(b))) {
    signal?.throwIfAborted()
    fixed.push(await fixOne(finding, fixed.length === 0 ? first : await now(), mend))
  }
  return fixed
}

async function fixOne(
  finding: Finding,
  now: readonly Diagnosis[],
  mend: (act: Act) => Promise<void>,
): Promise<FixedFinding> {
  const act = now.find(({ id }) => id === finding.id)?.act
  if (!act) return { finding, outcome: 'gone' }
  try {
    await mend(act)
    return { finding, outcome: 'fixed' }
  } catch (error) {
    return { finding, outcome: 'failed', error: recordError(asHoldfastError(error)) }
  }
}

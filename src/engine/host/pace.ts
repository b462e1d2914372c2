import type { JournalEntry, OperationKind } from '#src/journal/operation.ts'
import type { Store } from '#src/store/store.ts'

/** So many past operations are looked at, at most. */
const LOOKED_AT = 50
/** Where the journal knows none yet: a small domain under KVM. */
const ASSUMED = { domain: 1500, connect: 50 } as const
const STARTS: ReadonlySet<OperationKind> = new Set(['create', 'start', 'hard-reboot', 'resume'])
const DOMAIN_ACTIONS = ['define', 'start', 'await-running']

/** How long steps took on this host of late, milliseconds. */
export interface Pace {
  readonly domainMs: number
  readonly connectMs: number
  readonly from: 'journal' | 'assumption'
}

/** Medians of what the journal has. */
export async function paceOf(store: Store): Promise<Pace> {
  const past = await store.operations({ states: ['done'], limit: LOOKED_AT })
  const [domains, connects]: [number[], number[]] = [[], []]
  for (const { id } of past.filter(({ kind }) => STARTS.has(kind))) {
    const entries = await store.entries(id)
    const own = DOMAIN_ACTIONS.flatMap(action => durationsOf(entries, action))
    if (own.length === DOMAIN_ACTIONS.length) domains.push(own.reduce((sum, ms) => sum + ms, 0))
    connects.push(...durationsOf(entries, 'connect'))
  }
  return {
    domainMs: median(domains) ?? ASSUMED.domain,
    connectMs: median(connects) ?? ASSUMED.connect,
    from: domains.length > 0 ? 'journal' : 'assumption',
  }
}

/** Of each run of this action that came through. A clock that was set meanwhile makes no negative time. */
const durationsOf = (entries: readonly JournalEntry[], action: string): readonly number[] =>
  entries
    .filter(entry => entry.action === action && entry.event === 'done')
    .flatMap(done => {
      const begun = entries.find(entry => entry.step === done.step && entry.event === 'started')
      return begun ? [Math.max(0, done.at - begun.at)] : []
    })

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}

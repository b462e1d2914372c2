import type { RunOptions } from '#src/engine/api.ts'
import type {
  DrilledInstance,
  DrillReport,
  Finding,
  FixedFinding,
  HostCheck,
  HostOperations,
  ResumedInstance,
  ResumeReport,
} from '#src/engine/host-api.ts'

const id = (number: number) => `b${String(number).padStart(7, '0')}-0000-4000-8000-000000000000`

export const resumed = (parts: Partial<ResumedInstance> = {}): ResumedInstance => ({
  id: id(1),
  name: 'web-1',
  priority: 0,
  outcome: 'resumed',
  finishedAfterMs: 2100,
  workMs: 1500,
  operationId: 'c0000001-0000-4000-8000-000000000000',
  notes: [],
  ...parts,
})

export const resumeReport = (parts: Partial<ResumeReport> = {}): ResumeReport => ({
  bootId: 'boot',
  startedAt: Date.UTC(2026, 10, 22, 12),
  durationMs: 3200,
  operations: [],
  instances: [],
  ...parts,
})

export const finding = (parts: Partial<Finding> = {}): Finding => ({
  id: 'loop-leftover:/dev/loop3',
  code: 'loop-leftover',
  danger: 'low',
  object: 'loop device /dev/loop3',
  owner: 'volume data-1',
  message: '/dev/loop3 is attached to /pool/a of volume data-1, though no instance has it',
  mend: { by: 'fix', title: 'detach the loop device', steps: ['detach /dev/loop3'] },
  ...parts,
})

export const hostCheck = (parts: Partial<HostCheck> = {}): HostCheck => ({
  checkedAt: Date.UTC(2026, 10, 22, 12),
  findings: [],
  blind: [],
  looked: { instances: 2, domains: 2, mappings: 1, loops: 3, secrets: 0, taps: 2, attachments: 3 },
  ...parts,
})

export const drilled = (parts: Partial<DrilledInstance> = {}): DrilledInstance => ({
  id: id(1),
  name: 'web-1',
  priority: 0,
  wanted: 'running',
  ready: true,
  problems: [],
  volumes: [],
  predictedMs: 900,
  predictedBackAfterMs: 900,
  ...parts,
})

export const drillReport = (parts: Partial<DrillReport> = {}): DrillReport => ({
  startedAt: Date.UTC(2026, 10, 22, 12),
  durationMs: 400,
  instances: [],
  predictedMs: 1800,
  domainStart: { ms: 700, from: 'journal' },
  ...parts,
})

/** What the host of a fake Holdfast answers. */
export interface FakeHostState {
  /** What `onInstance` is told while it goes on; those of the report unless given. */
  told?: readonly ResumedInstance[]
  report: ResumeReport
  /** Answers of the checks, one after the other; the last one stays. */
  checks: HostCheck[]
  fix: (findings: readonly Finding[]) => readonly FixedFinding[]
  drill: DrillReport
}

export const fakeHostState = (parts: Partial<FakeHostState> = {}): FakeHostState => ({
  report: resumeReport(),
  checks: [hostCheck()],
  fix: findings => findings.map(one => ({ finding: one, outcome: 'fixed' })),
  drill: drillReport(),
  ...parts,
})

interface Surroundings {
  readonly host: FakeHostState
  readonly calls: [verb: string, ...given: unknown[]][]
  readonly work: (
    kind: 'host-resume' | 'host-check' | 'host-fix' | 'host-drill',
    options: RunOptions,
  ) => Promise<unknown>
}

export const fakeHost = ({ host, calls, work }: Surroundings): HostOperations => ({
  resume: async ({ waitMs, onInstance, ...options } = {}) => {
    calls.push(['host.resume', { waitMs }])
    for (const one of host.told ?? host.report.instances) onInstance?.(one)
    await work('host-resume', options)
    return host.report
  },
  check: async (options = {}) => {
    await work('host-check', options)
    const [first = hostCheck()] = host.checks.length > 1 ? host.checks.splice(0, 1) : host.checks
    return first
  },
  fix: async (findings, options = {}) => {
    calls.push(['host.fix', findings.map(one => one.id)])
    await work('host-fix', options)
    return host.fix(findings)
  },
  drill: async ({ onInstance, ...options } = {}) => {
    for (const one of host.drill.instances) onInstance?.(one)
    await work('host-drill', options)
    return host.drill
  },
})

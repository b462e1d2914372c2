import { apiTime } from '#src/core/clock.ts'
import type {
  DrilledInstance,
  DrillReport,
  EndedOperation,
  Finding,
  FixedFinding,
  HostCheck,
  Mend,
  ResumedInstance,
  ResumeReport,
} from '#src/engine/host-api.ts'
import type { RecordedError } from '#src/journal/operation.ts'
import { errorJson, type Json, operationJson } from '../views.ts'
import { tally } from './resume-tally.ts'

/** What `--json` prints of `host resume`, `host check` and `host drill`. Times that something took are milliseconds. */

const maybeError = (error: RecordedError | undefined): Json | null => (error === undefined ? null : errorJson(error))

export function resumeJson(report: ResumeReport): Json {
  const { back, running, stoppedItself, waiting, failed, interrupted } = tally(report)
  return {
    boot_id: report.bootId,
    started_at: apiTime(report.startedAt),
    duration_ms: report.durationMs,
    operations: report.operations.map(endedJson),
    instances: report.instances.map(resumedJson),
    summary: { back, running, stopped_itself: stoppedItself, waiting, failed, interrupted },
  }
}

const endedJson = ({ operation, error }: EndedOperation): Json => ({
  operation: operationJson(operation),
  error: maybeError(error),
})

const resumedJson = (one: ResumedInstance): Json => ({
  id: one.id,
  name: one.name,
  priority: one.priority,
  outcome: one.outcome,
  finished_after_ms: one.finishedAfterMs,
  work_ms: one.workMs,
  operation_id: one.operationId ?? null,
  error: maybeError(one.error),
  notes: one.notes,
})

export const checkJson = (check: HostCheck): Json => ({
  checked_at: apiTime(check.checkedAt),
  findings: check.findings.map(findingJson),
  blind: check.blind.map(({ part, error }) => ({ part, error: errorJson(error) })),
  looked: check.looked,
})

export const findingJson = ({ id, code, danger, object, owner, message, mend }: Finding): Json => ({
  id,
  code,
  danger,
  object,
  owner,
  message,
  mend: mendJson(mend),
})

/** Every mend has every field, so that a program needs no cases. */
const mendJson = (mend: Mend): Json => ({
  by: mend.by,
  title: mend.by === 'nobody' ? null : mend.title,
  steps: mend.by === 'fix' ? mend.steps : [],
  commands: mend.by === 'operator' ? mend.commands : [],
})

/** The check after the mends, and the mends. */
export const fixJson = (fixed: readonly FixedFinding[], after: HostCheck): Json => ({
  fixed: fixed.map(({ finding, outcome, error }) => ({
    finding: findingJson(finding),
    outcome,
    error: maybeError(error),
  })),
  ...checkJson(after),
})

export const drillJson = (report: DrillReport): Json => ({
  started_at: apiTime(report.startedAt),
  duration_ms: report.durationMs,
  instances: report.instances.map(drilledJson),
  predicted_ms: report.predictedMs,
  domain_start: { ms: report.domainStart.ms, from: report.domainStart.from },
})

const drilledJson = (one: DrilledInstance): Json => ({
  id: one.id,
  name: one.name,
  priority: one.priority,
  wanted: one.wanted,
  ready: one.ready,
  problems: one.problems.map(errorJson),
  volumes: one.volumes.map(volume => ({
    volume_id: volume.volumeId,
    device: `/dev/${volume.target}`,
    encryption_mechanism: volume.mechanism ?? null,
    key_ms: volume.keyMs ?? null,
    unlock_ms: volume.unlockMs ?? null,
    memory_bytes: volume.memoryBytes ?? null,
  })),
  predicted_ms: one.predictedMs,
  predicted_back_after_ms: one.predictedBackAfterMs ?? null,
})

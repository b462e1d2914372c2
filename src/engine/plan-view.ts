import { withDeadline } from '#src/core/deadline.ts'
import { asHoldfastError } from '#src/core/error.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import type { PlanRequest, PlanView } from './api.ts'
import { preflight } from './check.ts'
import type { Parts } from './parts.ts'
import { listSteps, type Plan } from './plan.ts'
import { planAttach, planCreate, planDelete, planDetach, planHardReboot, planSoftReboot, planStop } from './plans.ts'
import { titleOf } from './title.ts'
import { Walk } from './walk.ts'

type Asked = {
  readonly kind: PlanRequest['kind']
  readonly volumeId?: string
  readonly instance: InstanceRecord
  readonly mappings: readonly BlockDeviceMapping[]
}

/** What the operation would do, and what would refuse it now. Looks at the host; changes nothing. */
export async function viewPlan(parts: Parts, asked: Asked, admit: () => Promise<void>): Promise<PlanView> {
  using walk = new Walk(parts, asked.instance, asked.mappings)
  const checks = [admit]
  if (asked.kind === 'hard-reboot' || asked.kind === 'start') checks.push(() => look(walk))
  return {
    kind: asked.kind,
    instance: asked.instance.name,
    steps: listSteps(planFor(asked)).map(({ step, depth }) => ({ ...step, title: titleOf(step, asked), depth })),
    problems: await problemsOf(checks),
  }
}

const look = (walk: Walk) =>
  withDeadline(walk.parts.clock, walk.parts.settings.deadlines.step, 'preflight', undefined, signal =>
    preflight(walk, signal),
  )

function planFor(asked: Asked): Plan {
  const { kind, volumeId = '' } = asked
  switch (kind) {
    case 'create':
      return planCreate(asked)
    case 'start':
    case 'hard-reboot':
      return planHardReboot(asked, { preflight: true })
    case 'soft-reboot':
      return planSoftReboot(asked)
    case 'stop':
      return planStop(asked, { graceful: true })
    case 'attach':
      return planAttach(volumeId, asked.instance.status === 'ACTIVE')
    case 'detach':
      return planDetach(volumeId)
    case 'delete':
      return planDelete(asked)
  }
}

async function problemsOf(checks: readonly (() => Promise<void>)[]): Promise<PlanView['problems']> {
  const outcomes = await Promise.allSettled(checks.map(check => check()))
  return outcomes.flatMap(outcome => {
    if (outcome.status === 'fulfilled') return []
    const { code, message, details } = asHoldfastError(outcome.reason)
    return [{ code, message, hint: details.hint }]
  })
}

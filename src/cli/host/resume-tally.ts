import type { ResumedInstance, ResumeReport } from '#src/engine/host-api.ts'

/** An outcome for people: what Ctrl-C kept from coming back is no failure of the instance's. */
export type ShownOutcome = ResumedInstance['outcome'] | 'interrupted'

export const shownOutcome = ({ outcome, error }: ResumedInstance): ShownOutcome =>
  outcome === 'failed' && error?.code === 'interrupted' ? 'interrupted' : outcome

export interface Tally {
  readonly back: number
  readonly running: number
  readonly stoppedItself: number
  readonly waiting: number
  readonly failed: number
  readonly interrupted: number
}

export const isWaiting = (outcome: ShownOutcome): boolean =>
  outcome === 'waiting-for-key' || outcome === 'waiting-for-volume-service'

export function tally({ instances }: ResumeReport): Tally {
  const outcomes = instances.map(shownOutcome)
  const count = (wanted: ShownOutcome) => outcomes.filter(outcome => outcome === wanted).length
  return {
    back: count('resumed'),
    running: count('running'),
    stoppedItself: count('stopped-itself'),
    waiting: outcomes.filter(isWaiting).length,
    failed: count('failed'),
    interrupted: count('interrupted'),
  }
}

/** Whoever was to come back is back, and nothing is left unfinished. */
export function allBack(report: ResumeReport): boolean {
  const { waiting, failed, interrupted } = tally(report)
  return waiting + failed + interrupted === 0 && report.operations.every(({ error }) => error === undefined)
}

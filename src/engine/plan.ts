import type { Action, Step } from './step.ts'

/**
 * What to do, as data. `seq` in order, stopping at the first failure; `each` side by side, all of them whatever fails;
 * `undoable`: if something in it fails, what was done in it is undone, last first.
 */
export type Plan =
  | { readonly step: Step }
  | { readonly seq: readonly Plan[] }
  | { readonly each: readonly Plan[] }
  | { readonly undoable: Plan }

export const step = (action: Action, subject: string): Plan => ({ step: { action, subject } })
export const seq = (...seq: readonly Plan[]): Plan => ({ seq })
export const each = (plans: readonly Plan[]): Plan => ({ each: plans })
export const undoable = (...plans: readonly Plan[]): Plan => ({ undoable: seq(...plans) })

/** The steps in the order of reading, with how deep each lies in side-by-side parts. */
export function listSteps(plan: Plan, depth = 0): readonly { readonly step: Step; readonly depth: number }[] {
  if ('step' in plan) return [{ step: plan.step, depth }]
  if ('seq' in plan) return plan.seq.flatMap(child => listSteps(child, depth))
  if ('each' in plan) return plan.each.flatMap(child => listSteps(child, depth + 1))
  return listSteps(plan.undoable, depth)
}

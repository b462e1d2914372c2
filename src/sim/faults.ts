import type { HoldfastError } from '#src/core/error.ts'

/** A place where a fault may strike. Effects and looks are counted apart, each from 1, in the order of happening. */
export interface FaultPoint {
  /** `effect`: something is changed; `look`: something is only asked. */
  readonly kind: 'effect' | 'look'
  readonly number: number
  /** What it does and to what, for example `losetup attach /dev/loop0`. */
  readonly name: string
}

/**
 * What strikes. `die`: the process is killed and nothing of it ever goes on. `fail`: an error comes back. `hang`: no
 * answer comes until the caller's signal is aborted, at most for an hour. `after`: the effect took place all the same.
 */
export type Fault = { readonly when: 'before' | 'after' } & (
  | { readonly do: 'die' }
  | { readonly do: 'hang' }
  | { readonly do: 'fail'; readonly error: HoldfastError }
)

/** Which fault strikes at a point, if any. */
export type FaultPlan = (point: FaultPoint) => Fault | undefined

export const noFaults: FaultPlan = () => undefined

/** One fault, at the effect or look of this number. */
export const faultAt =
  (number: number, fault: Fault, kind: FaultPoint['kind'] = 'effect'): FaultPlan =>
  point =>
    point.kind === kind && point.number === number ? fault : undefined

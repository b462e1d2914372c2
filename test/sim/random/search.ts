import * as fc from 'fast-check'
import { runOf } from './arbitrary.ts'
import { type Played, play } from './play.ts'
import type { Plant } from './stage.ts'
import type { Run } from './steps.ts'

export interface Search {
  readonly seed: number
  readonly steps: number
  /** Of a run found before: it alone is played. */
  readonly path?: string | undefined
  readonly plant?: Plant | undefined
}

/** A run that went wrong, as short as it could be made. */
export interface Found extends Played {
  readonly run: Run
  readonly seed: number
  readonly steps: number
  /** Where fast-check finds it again. */
  readonly path: string
  /** Shorter ones that went wrong too, until this one. */
  readonly shrinks: number
}

/** The run of this seed. */
export function runAt({ seed, steps }: Search): Run {
  const [run] = fc.sample(runOf(steps), { seed, numRuns: 1 })
  if (!run) throw new Error('fast-check generated nothing')
  return run
}

/** Plays the run of this seed; if it goes wrong, finds the shortest run that still does. */
export async function search({ seed, steps, path, plant }: Search): Promise<Found | undefined> {
  const property = fc.asyncProperty(runOf(steps), async run => (await play(seed, run, plant)).violations.length === 0)
  const replay = path === undefined ? {} : { path, endOnFailure: true }
  const details = await fc.check(property, { seed, numRuns: 1, ...replay })
  if (!details.failed || details.counterexample === null) return undefined
  const [run] = details.counterexample
  const { numShrinks: shrinks, counterexamplePath } = details
  return { ...(await play(seed, run, plant)), run, seed, steps, path: counterexamplePath ?? '0', shrinks }
}

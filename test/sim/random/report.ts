import type { Found } from './search.ts'

/** What a soak or a single run came to. */
export interface Told {
  readonly runs: number
  readonly steps: number
  readonly firstSeed: number
  readonly lastSeed: number
  readonly seconds: number
  readonly found: Found | undefined
}

const command = (seed: number, steps: number, path?: string): string =>
  `npm run sim -- --seed ${seed} --steps ${steps}${path === undefined ? '' : ` --path ${path}`}`

/** For people. */
export function toText({ runs, steps, firstSeed, lastSeed, seconds, found }: Told): string {
  if (!found) {
    const seeds = firstSeed === lastSeed ? `seed ${firstSeed}` : `seeds ${firstSeed} to ${lastSeed}`
    return `${runs} ${runs === 1 ? 'run' : 'runs'} of ${steps} steps, ${seeds}, in ${seconds.toFixed(1)} s: all well\n`
  }
  const { seed, path, violations, log, run } = found
  return [
    `seed ${seed}, ${steps} steps: not all is as it should be`,
    ...violations.map(line => `  ${line}`),
    '',
    `The shortest run that shows it has ${run.opening.length + run.steps.length} of the ${steps} steps:`,
    ...log.map(line => `  ${line}`),
    '',
    'To see just this again:',
    `  ${command(seed, steps, path)}`,
    'To look for it anew from the whole run:',
    `  ${command(seed, steps)}`,
    '',
  ].join('\n')
}

/** The same for programs. */
export function toJson({ found, ...told }: Told): string {
  const { seed, path, shrinks, violations, run, log } = found ?? {}
  const violation = found && {
    ...{ seed, path, shrinks, violations, run, log },
    replay: command(found.seed, found.steps, found.path),
    search: command(found.seed, found.steps),
  }
  return `${JSON.stringify({ well: found === undefined, ...told, violation }, undefined, 2)}\n`
}

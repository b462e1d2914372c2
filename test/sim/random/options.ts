import { parseArgs } from 'node:util'

export interface Options {
  readonly seed: number
  readonly steps: number
  /** So many seeds, one after the other. */
  readonly runs: number
  /** In place of `runs`: as many as there is time for. */
  readonly minutes: number | undefined
  readonly path: string | undefined
  readonly json: string | undefined
  /** Every line of what happened. */
  readonly log: boolean
}

/** A command line that cannot be used, with what is wrong with it. */
export class Misuse extends Error {}

export const USAGE = `Random operations with random faults on a simulated host, each judged by an oracle.

  npm run sim -- [--seed N] [--steps K] [--runs R | --minutes M] [--path P] [--json FILE] [--log]

  --seed N      first seed, 0 to 2147483647 (1)
  --steps K     steps of a run, 1 to 10000 (40)
  --runs R      so many runs, with seeds from N on (1)
  --minutes M   as many runs as there is time for
  --path P      of a run found before: plays it alone, with the same seed and steps
  --json FILE   writes what was found there too
  --log         prints every line of what happened

Exit code: 0 all well, 1 something is not as it should be, 64 wrong command line.
`

const STRING = { type: 'string' } as const

const FLAGS = {
  seed: STRING,
  steps: STRING,
  runs: STRING,
  minutes: STRING,
  path: STRING,
  json: STRING,
  log: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Undefined if help was asked for. */
export function optionsOf(args: readonly string[]): Options | undefined {
  const values = parsed(args)
  if (values.help) return undefined
  if (values.runs !== undefined && values.minutes !== undefined) throw new Misuse('give --runs or --minutes, not both')
  if (values.path !== undefined && (values.seed === undefined || values.steps === undefined)) {
    throw new Misuse('--path is of one run: give the --seed and the --steps that it was found with')
  }
  if (values.path !== undefined && (values.runs !== undefined || values.minutes !== undefined)) {
    throw new Misuse('--path is of one run: --runs and --minutes do not go with it')
  }
  if (values.path !== undefined && !/^\d+(:\d+)*$/.test(values.path)) {
    throw new Misuse(`--path must be numbers with colons between, such as 0:1:3, not '${values.path}'`)
  }
  return {
    seed: whole('seed', values.seed ?? '1', 0, 2 ** 31 - 1),
    steps: whole('steps', values.steps ?? '40', 1, 10_000),
    runs: whole('runs', values.runs ?? '1', 1, 1_000_000_000),
    minutes: values.minutes === undefined ? undefined : minutesOf(values.minutes),
    path: values.path,
    json: values.json,
    log: values.log === true,
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : String(error))
  }
}

function whole(name: string, text: string, low: number, high: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= low && value <= high) return value
  throw new Misuse(`--${name} must be a whole number from ${low} to ${high}, not '${text}'`)
}

function minutesOf(text: string): number {
  const value = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && value > 0 && value <= 10_080) return value
  throw new Misuse(`--minutes must be a number above 0, at most 10080 (a week), not '${text}'`)
}

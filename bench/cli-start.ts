import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, CannotMeasure } from './bench.ts'
import { byTurns, type Command, inScratch, median, runToEnd, timeOf } from './measure.ts'

const ROUNDS = 15
const ROOT = join(import.meta.dirname, '..')
/** What `holdfast` is once it is installed. */
export const PROGRAM = join(ROOT, JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).bin.holdfast)

/** What a person waits for: the whole process, on a state directory that is there, with the compile cache warm. */
export const cliStart: Bench = {
  names: ['cli-start', 'cli-start-memory'],
  run: async () => {
    if (!existsSync(PROGRAM)) throw new CannotMeasure(`there is no ${PROGRAM}`)
    return await inScratch(async directory => {
      const env = { HOLDFAST_STATE: join(directory, 'state'), XDG_CACHE_HOME: join(directory, 'cache') }
      runToEnd({ argv: [process.execPath, PROGRAM, 'volume', 'create', '--size', '1', 'one'], env })
      return await measure({ argv: [process.execPath, PROGRAM, 'volume', 'list'], env })
    })
  },
}

const BARE: Command = { argv: [process.execPath, '-e', '0'] }

async function measure(list: Command) {
  timeOf(list)
  const wall = await byTurns(
    ROUNDS,
    () => timeOf(list).wall,
    () => timeOf(BARE).wall,
  )
  const memory = await byTurns(
    5,
    () => residentMib(list),
    () => residentMib(BARE),
  )
  const what = `holdfast volume list on an existing pool against node -e 0`
  return [
    {
      name: 'cli-start',
      ours: median(wall.ours),
      peer: median(wall.peer),
      unit: 'ms',
      target: 4,
      note: `${what}: whole process, medians of ${ROUNDS} by turns`,
    },
    {
      name: 'cli-start-memory',
      ours: median(memory.ours),
      peer: median(memory.peer),
      unit: 'MiB',
      target: 2,
      note: `${what}: peak resident, medians of 5 by turns`,
    },
  ] as const
}

/** Node tells its own peak as it ends; the same preloaded line for both. */
const HOOK = `import { writeSync } from 'node:fs'
process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS)))`

function residentMib(command: Command): number {
  const preload = `--import=data:text/javascript,${encodeURIComponent(HOOK)}`
  return Number(runToEnd({ ...command, env: { ...command.env, NODE_OPTIONS: preload } }).third) / 1024
}

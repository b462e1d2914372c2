import { registerHooks } from 'node:module'
import { PLANTS } from './plants.ts'

/**
 * Loaded before anything else: plants the defect that `CRASH_PLANT` names. Text that is not there, or a file that is never
 * loaded, ends the process with 70.
 */
const plant = PLANTS.find(({ name }) => name === process.env.CRASH_PLANT)
if (!plant) throw new Error(`there is no plant '${process.env.CRASH_PLANT}'`)

const EXIT_NOT_PLANTED = 70
const left = new Set(plant.changes)

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    const changes = plant.changes.filter(({ file }) => url.endsWith(`/${file}`))
    if (changes.length === 0) return loaded
    let source = String(loaded.source)
    for (const change of changes) {
      const [before, after, ...more] = source.split(change.from)
      if (before === undefined || after === undefined || more.length > 0) fail(`'${change.from}' is not once in ${url}`)
      source = `${before}${change.to}${after}`
      left.delete(change)
    }
    return { ...loaded, source }
  },
})

process.on('exit', () => {
  if (left.size > 0) fail(`never loaded: ${[...left].map(({ file }) => file).join(', ')}`)
})

function fail(why: string): never {
  process.stderr.write(`NOT PLANTED ${why}\n`)
  process.exit(EXIT_NOT_PLANTED)
}

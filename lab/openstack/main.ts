import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Context } from './context.ts'
import { readLab } from './lab-file.ts'
import { locked } from './lock.ts'
import { defaultCloudDir, settle } from './settings.ts'
import { tellCloud } from './tell.ts'
import { cloudDown, cloudUp, daemonsOf } from './up.ts'

const USAGE = `npm run cloud:up [-- OPTIONS]      a real cloud on 127.0.0.1, started or mended
  --fresh       throw away the one that is there
  --no-ceph     without Ceph
  --dir DIR     where it lies (HOLDFAST_CLOUD_DIR; otherwise in the folder for temporary files)
npm run cloud:down [-- OPTIONS]    stops it; the next start goes on with its state
  --purge       throw the state away
  --dir DIR     as above
`

interface Wishes {
  readonly dir: string
  readonly ceph: boolean
  readonly standard: boolean
}

const say = (text: string): void => void process.stderr.write(`cloud: ${text}\n`)

async function contextOf(wishes: Wishes): Promise<Context> {
  const start = Date.now()
  const timed = (text: string) => say(`${((Date.now() - start) / 1000).toFixed(1).padStart(5)} s  ${text}`)
  return { settings: await settle(wishes), daemons: daemonsOf(wishes.dir), say: timed }
}

async function up(wishes: Wishes, fresh: boolean): Promise<number> {
  await locked(`${wishes.dir}.lock`, async () => {
    if (fresh) await cloudDown(wishes.dir, { keep: false })
    const context = await contextOf(wishes)
    try {
      await cloudUp(context)
    } catch (error) {
      context.daemons.close()
      await cloudDown(wishes.dir, { keep: true })
      throw error
    }
  })
  process.stdout.write(tellCloud(await readLab(wishes.dir)))
  return 0
}

async function down(dir: string, purge: boolean): Promise<number> {
  const stopped = await locked(`${dir}.lock`, () => cloudDown(dir, { keep: !purge }))
  say(stopped === 'made' ? `stopped (${dir})` : `nothing runs in ${dir}`)
  return 0
}

/**
 * A cloud of its own, for as long as somebody holds our stdin open: `ready DIR` on stdout says that it is up. Then it is
 * gone without a trace, also if whoever wanted it was killed.
 */
async function hold(ceph: boolean): Promise<number> {
  const { promise: released, resolve: release } = Promise.withResolvers<'released'>()
  process.stdin.once('end', () => release('released')).once('close', () => release('released'))
  process.stdin.resume()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => release('released'))
  try {
    return await holdUntil(released, await mkdtemp(join(tmpdir(), 'holdfast-cloud-')), ceph)
  } finally {
    process.stdin.destroy()
  }
}

async function holdUntil(released: Promise<'released'>, dir: string, ceph: boolean): Promise<number> {
  await chmod(dir, 0o755)
  const context = await contextOf({ dir, ceph, standard: false })
  const started = cloudUp(context)
  try {
    const first = await Promise.race([released, started])
    if (first === 'released') return 1
    process.stdout.write(`ready ${dir}\n`)
    await released
    return 0
  } finally {
    context.daemons.close()
    await context.daemons.stopRest()
    await started.catch(() => {})
    await cloudDown(dir, { keep: false })
  }
}

function tellUsage(): number {
  process.stderr.write(USAGE)
  return 64
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: {
      fresh: { type: 'boolean', default: false },
      purge: { type: 'boolean', default: false },
      hold: { type: 'boolean', default: false },
      ceph: { type: 'boolean', default: true },
      dir: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return tellUsage() && 0
  const dir = resolve(values.dir ?? defaultCloudDir())
  if (positionals[0] === 'down') return await down(dir, values.purge)
  if (positionals[0] !== 'up') return tellUsage()
  if (process.getuid?.() !== 0) throw new Error('the cloud lab needs root')
  if (values.hold) return await hold(values.ceph)
  return await up({ dir, ceph: values.ceph, standard: true }, values.fresh)
}

try {
  process.exitCode = await main()
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

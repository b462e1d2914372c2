import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startCeph } from './ceph.ts'
import { writeCloudsFile } from './clouds-file.ts'
import { type Context, PYTHON_FOLDER, REGION, urlOf } from './context.ts'
import { Daemons } from './daemons.ts'
import { startMariadb } from './mariadb.ts'
import { ADMIN, PEOPLE } from './people.ts'
import { startRabbitmq } from './rabbitmq.ts'
import { seedIdentity } from './seed-identity.ts'
import { seedVolumes, waitForBackends } from './seed-volumes.ts'
import {
  prepareCinder,
  startBarbican,
  startCinder,
  startCinderVolume,
  startCompute,
  startKeystone,
} from './services.ts'
import { readPlaces, takenOf } from './settings.ts'

/** Nothing of the caller's environment reaches a daemon: no proxies, no OS_*, no Python of somebody else. */
export const daemonsOf = (dir: string): Daemons =>
  new Daemons({
    dir,
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C.UTF-8',
      HOME: join(dir, 'home'),
      PYTHONPATH: PYTHON_FOLDER,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONWARNINGS: 'ignore',
      OS_KEYSTONE_CONFIG_DIR: join(dir, 'etc', 'keystone'),
    },
  })

/** Starts whatever of the cloud does not run, makes whatever is missing in it, and writes `lab.json` and `clouds.yaml`. */
export async function cloudUp(context: Context): Promise<void> {
  const { dir, ceph } = context.settings
  for (const folder of ['home', 'lib', 'lock']) await mkdir(join(dir, folder), { recursive: true })
  const database = startMariadb(context)
  const messages = startRabbitmq(context)
  const storage = ceph ? startCeph(context) : Promise.resolve()
  const identity = database.then(() => startKeystone(context)).then(() => seedIdentity(context))
  const keys = database.then(() => startBarbican(context))
  const compute = database.then(() => startCompute(context))
  const prepared = database.then(() => prepareCinder(context))
  const blocks = Promise.all([prepared, messages]).then(([configuration]) => startCinder(context, configuration))
  const backends = Promise.all([prepared, messages, storage]).then(([made]) => startCinderVolume(context, made))
  const seeded = Promise.all([identity, blocks]).then(async ([projects]) => {
    return { projects, volume_types: await seedVolumes(context, projects) }
  })
  const [made] = await Promise.all([seeded, keys, compute, backends])
  await waitForBackends(context)
  await writeFacts(context, made)
}

type Ids = Readonly<Record<string, string>>

async function writeFacts(context: Context, made: { projects: Ids; volume_types: Ids }): Promise<void> {
  const { dir, ports, ceph } = context.settings
  const users = Object.fromEntries([ADMIN, ...PEOPLE].map(({ name, ...rest }) => [name, rest]))
  const authUrl = `${urlOf(ports.keystone)}/v3`
  const endpoints = {
    identity: authUrl,
    'block-storage': `${urlOf(ports.cinder)}/v3`,
    'key-manager': urlOf(ports.barbican),
    compute: `${urlOf(ports.compute)}/v2.1`,
  }
  const facts = { auth_url: authUrl, region: REGION, ceph, endpoints, users, ...made }
  await writeFile(join(dir, 'lab.json.new'), `${JSON.stringify(facts, null, 2)}\n`)
  await rename(join(dir, 'lab.json.new'), join(dir, 'lab.json'))
  await writeCloudsFile(dir, { authUrl, region: REGION, users })
}

/** Who asks is served before what it asks is stopped; Ceph's osd says goodbye to its monitor. */
const STOP_ORDER: readonly (readonly string[])[] = [
  ['cinder-volume', 'cinder-scheduler', 'cinder-api', 'barbican', 'compute', 'keystone'],
  ['mariadb', 'rabbitmq', 'ceph-osd'],
  ['epmd', 'ceph-mgr', 'ceph-mon'],
]

/**
 * Stops what runs of the folder's cloud, and nothing else. `keep` leaves the state for the next start; without it the
 * folder goes, if it is a cloud's. Fails if something still listens on a port of the cloud.
 */
export async function cloudDown(dir: string, options: { keep: boolean }): Promise<'made' | 'already'> {
  const daemons = daemonsOf(dir)
  const found = (await daemons.left()).length > 0
  if (options.keep) {
    for (const names of STOP_ORDER) await Promise.all(names.map(name => daemons.stop(name)))
  }
  await daemons.stopRest()
  const places = await readPlaces(dir)
  if (places === undefined) return 'already'
  const taken = await takenOf(places)
  if (taken.length > 0) throw new Error(`something still listens at ${taken.join(', ')}, of the cloud in ${dir}`)
  if (!options.keep) await rm(dir, { recursive: true, force: true })
  return found ? 'made' : 'already'
}

import { randomBytes } from 'node:crypto'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Context, once, PASSWORDS, PYTHON, PYTHON_FOLDER, REGION, urlOf } from './context.ts'
import { databaseUrl } from './mariadb.ts'
import { render, renderTo, type Values, writeConfiguration } from './templates.ts'

/** What AES-256 of the lab's Barbican is keyed with. */
const KEY_ENCRYPTION_KEY = Buffer.from('lab-only-key-encryption-key-32by').toString('base64')
const MANAGE = '/usr/bin/keystone-manage'

export async function startKeystone(context: Context): Promise<void> {
  const { daemons, settings } = context
  const etc = join(settings.dir, 'etc', 'keystone')
  const configuration = await renderTo(join(etc, 'keystone.conf'), 'keystone.conf', values(context))
  await once(context, 'keystone', () => bootstrapKeystone(context, join(etc, 'keystone.conf')))
  const argv = serve(context, 'keystone', settings.ports.keystone)
  await daemons.start({ name: 'keystone', argv, configuration })
  await daemons.listens('keystone', settings.ports.keystone)
  context.say('Keystone')
}

async function bootstrapKeystone({ daemons, settings }: Context, config: string): Promise<void> {
  const manage = (...args: readonly string[]) =>
    daemons.run('keystone-manage', [MANAGE, '--config-file', config, ...args])
  for (const kind of ['fernet-keys', 'credential-keys']) await makeKeys(join(dirname(config), kind))
  await manage('db_sync')
  const url = `${urlOf(settings.ports.keystone)}/v3`
  await manage(
    ...['bootstrap', '--bootstrap-username', 'admin', '--bootstrap-password', PASSWORDS.admin],
    ...['--bootstrap-project-name', 'admin', '--bootstrap-role-name', 'admin'],
    ...['--bootstrap-service-name', 'keystone', '--bootstrap-region-id', REGION],
    ...['public', 'internal', 'admin'].flatMap(face => [`--bootstrap-${face}-url`, url]),
  )
}

/** A key for now and one for after it, as `keystone-manage fernet_setup` makes them in three seconds. */
async function makeKeys(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const name of ['0', '1']) {
    const key = randomBytes(32).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
    await writeFile(join(folder, name), key, { mode: 0o600 })
  }
}

export async function startBarbican(context: Context): Promise<void> {
  const { daemons, settings } = context
  const etc = join(settings.dir, 'etc', 'barbican')
  const own = await writeService(context, join(etc, 'barbican.conf'), 'barbican')
  const paste = await renderTo(join(etc, 'api-paste.ini'), 'barbican-paste.ini', {})
  await emptyPolicy(etc)
  await linkBarbicanHome(settings.dir, join(etc, 'barbican.conf'))
  const argv = serve(context, 'barbican', settings.ports.barbican)
  await daemons.start({ name: 'barbican', argv, configuration: own + paste })
  await daemons.listens('barbican', settings.ports.barbican)
  context.say('Barbican')
}

/** Every plugin of Barbican reads its options anew, and looks for them here. */
async function linkBarbicanHome(dir: string, config: string): Promise<void> {
  const folder = join(dir, 'home', '.barbican')
  await mkdir(folder, { recursive: true })
  await rm(join(folder, 'barbican.conf'), { force: true })
  await symlink(config, join(folder, 'barbican.conf'))
}

/** Nova and Glance as far as Cinder and its command line ask them. */
export async function startCompute({ daemons, settings: { ports } }: Context): Promise<void> {
  const given = [ports.compute, ports.mariadb].map(String)
  const argv = [PYTHON, join(PYTHON_FOLDER, 'compute.py'), ...given, PASSWORDS.database]
  await daemons.start({ name: 'compute', argv })
  await daemons.listens('compute', ports.compute)
}

/** Writes Cinder's configuration and makes its database; returns what its daemons' configuration says. */
export async function prepareCinder(context: Context): Promise<string> {
  const { daemons, settings } = context
  const etc = join(settings.dir, 'etc', 'cinder')
  const cinder = { backends: backendsOf(context).join(','), cinderPort: settings.ports.cinder }
  const own = await writeService(context, join(etc, 'cinder.conf'), 'cinder', cinder)
  const paste = await renderTo(join(etc, 'api-paste.ini'), 'cinder-paste.ini', {})
  const filters = await renderTo(join(etc, 'resource_filters.json'), 'cinder-filters.json', {})
  await emptyPolicy(etc)
  await mkdir(join(settings.dir, 'lib', 'cinder'), { recursive: true })
  await once(context, 'cinder', async () => {
    await daemons.run('cinder-manage', cinderProgram(context, 'cinder-manage', 'db', 'sync'))
  })
  return own + paste + filters
}

export async function startCinder(context: Context, configuration: string): Promise<void> {
  const { daemons, settings } = context
  const scheduler = { name: 'cinder-scheduler', argv: cinderProgram(context, 'cinder-scheduler'), configuration }
  await daemons.start({ name: 'cinder-api', argv: serve(context, 'cinder-api', settings.ports.cinder), configuration })
  await daemons.start(scheduler)
  await daemons.listens('cinder-api', settings.ports.cinder)
  context.say('Cinder')
}

export async function startCinderVolume(context: Context, configuration: string): Promise<void> {
  const argv = cinderProgram(context, 'cinder-volume')
  await context.daemons.start({ name: 'cinder-volume', argv, configuration })
}

/** Cinder's back ends: two of sparse files, in zones `nova` and `az2`, and Ceph. */
export const backendsOf = ({ settings }: Context): readonly string[] => [
  'lab1',
  'lab2',
  ...(settings.ceph ? ['ceph'] : []),
]

const serve = ({ settings }: Context, name: string, port: number): readonly string[] => [
  ...[PYTHON, join(PYTHON_FOLDER, 'serve_wsgi.py'), name, String(port)],
  join(settings.dir, 'etc'),
]

const cinderProgram = ({ settings }: Context, name: string, ...args: readonly string[]): readonly string[] => [
  ...[PYTHON, join(PYTHON_FOLDER, 'run_cinder.py'), name],
  ...[join(settings.dir, 'etc', 'cinder', 'cinder.conf'), ...args],
]

/** A service's configuration with the section by which it checks its callers' tokens. */
async function writeService(context: Context, path: string, user: string, more: Values = {}): Promise<string> {
  const all = { ...values(context), ...more, user }
  return await writeConfiguration(path, (await render(`${user}.conf`, all)) + (await render('authtoken.conf', all)))
}

/** Policies as the code has them, none of /etc. */
async function emptyPolicy(etc: string): Promise<void> {
  await mkdir(join(etc, 'policy.d'), { recursive: true })
  await writeFile(join(etc, 'policy.yaml'), '')
}

function values(context: Context): Values {
  const { dir, ports } = context.settings
  return {
    dir,
    region: REGION,
    servicePassword: PASSWORDS.service,
    keyEncryptionKey: KEY_ENCRYPTION_KEY,
    keystone: urlOf(ports.keystone),
    barbican: urlOf(ports.barbican),
    compute: urlOf(ports.compute),
    database: databaseUrl(context),
    messages: `rabbit://guest:guest@127.0.0.1:${ports.rabbit}/`,
  }
}

import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Context, once, PASSWORDS } from './context.ts'
import { renderTo } from './templates.ts'

const SERVER = '/usr/sbin/mariadbd'
const SHARE = '/usr/share/mysql'
const SYSTEM_TABLES = ['mysql_system_tables.sql', 'mysql_performance_tables.sql', 'mysql_system_tables_data.sql']
const BOOTSTRAP = [
  '--no-defaults',
  '--bootstrap',
  '--user=root',
  `--lc-messages-dir=${SHARE}`,
  '--innodb-log-file-size=16M',
  '--innodb-flush-log-at-trx-commit=0',
  '--skip-log-bin',
  '--log-warnings=0',
  '--enforce-storage-engine=',
]

/** A server with empty databases for Keystone, Barbican and Cinder, and a user `lab`. */
export async function startMariadb(context: Context): Promise<void> {
  const { daemons, settings } = context
  const { dir, ports } = settings
  const etc = join(dir, 'etc')
  await renderTo(join(etc, 'mariadb-init.sql'), 'mariadb-init.sql', { databasePassword: PASSWORDS.database })
  const values = { dir, mariadbPort: ports.mariadb }
  const configuration = await renderTo(join(etc, 'mariadb.cnf'), 'mariadb.cnf', values)
  await once(context, 'mariadb', () => makeDataFolder(context))
  const argv = [SERVER, `--defaults-file=${join(etc, 'mariadb.cnf')}`]
  await daemons.start({ name: 'mariadb', argv, configuration })
  await daemons.listens('mariadb', ports.mariadb)
  context.say('MariaDB')
}

/** What `mariadb-install-db` does; that one is not in the package with the server alone. */
async function makeDataFolder({ daemons, settings: { dir } }: Context): Promise<void> {
  const folder = join(dir, 'db')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const tables = await Promise.all(SYSTEM_TABLES.map(file => readFile(join(SHARE, file), 'utf8')))
  const input = ['CREATE DATABASE mysql;', 'USE mysql;', ...tables].join('\n')
  await daemons.run('mariadb', [SERVER, ...BOOTSTRAP, `--datadir=${folder}`], input)
}

export const databaseUrl = ({ settings }: Context): string =>
  `mysql+pymysql://lab:${PASSWORDS.database}@127.0.0.1:${settings.ports.mariadb}`

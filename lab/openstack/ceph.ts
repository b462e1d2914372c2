import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Context, once } from './context.ts'
import { MONITOR_PORTS } from './settings.ts'
import { renderTo } from './templates.ts'

const CLEAN_LIMIT_MS = 60_000
const POLL_MS = 300
const AUTHTOOL = '/usr/bin/ceph-authtool'
const LOG = 'ceph-setup'
const EVERYTHING = ['--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *', '--cap', 'mgr', 'allow *']
const MANAGER = ['--cap', 'mon', 'allow profile mgr', '--cap', 'osd', 'allow *', '--cap', 'mds', 'allow *']
const POOL = 'profile rbd pool=volumes'
const CINDER = ['--cap', 'mon', 'profile rbd', '--cap', 'osd', POOL, '--cap', 'mgr', POOL]

/** A cluster of one monitor, one manager and one osd in a sparse file, with a pool `volumes` and a user for Cinder. */
export async function startCeph(context: Context): Promise<void> {
  const { daemons, settings } = context
  const ceph = new Cluster(context)
  const configuration = await ceph.configure()
  await once(context, 'ceph-mon', () => ceph.makeMonitor())
  await daemons.start({ name: 'ceph-mon', argv: ceph.argv('ceph-mon', '-f', '-i', 'a'), configuration })
  await daemons.listens('ceph-mon', MONITOR_PORTS[0], settings.cephAddress)
  await once(context, 'ceph-osd', () => ceph.makeOsd())
  await daemons.start({ name: 'ceph-mgr', argv: ceph.argv('ceph-mgr', '-f', '-i', 'x'), configuration })
  await daemons.start({ name: 'ceph-osd', argv: ceph.argv('ceph-osd', '-f', '-i', '0'), configuration })
  await once(context, 'ceph-pool', () => ceph.makePool())
  await ceph.clean()
  context.say('Ceph')
}

class Cluster {
  readonly #context: Context
  readonly #folder: string
  readonly #etc: string

  constructor(context: Context) {
    this.#context = context
    this.#folder = join(context.settings.dir, 'ceph')
    this.#etc = join(context.settings.dir, 'etc', 'ceph')
  }

  async configure(): Promise<string> {
    const { dir, cephAddress } = this.#context.settings
    await mkdir(join(this.#folder, 'run'), { recursive: true })
    const clusterId = await this.#clusterId()
    return await renderTo(join(this.#etc, 'ceph.conf'), 'ceph.conf', { dir, clusterId, address: cephAddress })
  }

  async #clusterId(): Promise<string> {
    const path = join(this.#folder, 'fsid')
    await writeFile(path, randomUUID(), { flag: 'wx' }).catch(() => {})
    return await readFile(path, 'utf8')
  }

  /** The command line of one of Ceph's programs with this cluster's configuration. */
  argv(program: string, ...args: readonly string[]): readonly string[] {
    return [`/usr/bin/${program}`, '-c', join(this.#etc, 'ceph.conf'), ...args]
  }

  /** Every user that is known from the start is in the monitor's first keyring. */
  async makeMonitor(): Promise<void> {
    const keyring = join(this.#folder, 'keyring')
    for (const folder of ['mon', 'mgr']) await this.#empty(folder)
    await this.#authtool('--create-keyring', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *')
    await this.#authtool(keyring, '--gen-key', '-n', 'client.admin', ...EVERYTHING)
    await this.#addUser('mgr.x', join(this.#folder, 'mgr', 'keyring'), MANAGER)
    await this.#addUser('client.cinder', join(this.#etc, 'ceph.client.cinder.keyring'), CINDER)
    const { cephAddress } = this.#context.settings
    const address = `[v2:${cephAddress}:3300,v1:${cephAddress}:6789]`
    const map = join(this.#folder, 'monmap')
    const create = ['--create', '--clobber', '--fsid', await this.#clusterId(), '--addv', 'a', address, map]
    await this.#run('/usr/bin/monmaptool', ...create)
    await this.#run(...this.argv('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring))
  }

  async #addUser(name: string, file: string, caps: readonly string[]): Promise<void> {
    await this.#authtool('--create-keyring', file, '--gen-key', '-n', name, ...caps)
    await this.#authtool(join(this.#folder, 'keyring'), '--import-keyring', file)
  }

  async makeOsd(): Promise<void> {
    await this.#empty('osd')
    const uuid = randomUUID()
    const key = (await this.#authtool('--gen-print-key')).trim()
    const secrets = join(this.#folder, 'osd-secrets.json')
    await writeFile(secrets, JSON.stringify({ cephx_secret: key }), { mode: 0o600 })
    await this.#ceph('osd', 'new', uuid, '0', '-i', secrets)
    await this.#run(...this.argv('ceph-osd', '-i', '0', '--mkfs', '--key', key, '--osd-uuid', uuid))
    const keyring = join(this.#folder, 'osd', 'keyring')
    await this.#authtool('--create-keyring', keyring, '-n', 'osd.0', '--add-key', key)
  }

  async makePool(): Promise<void> {
    await this.#ceph('osd', 'pool', 'create', 'volumes', '8')
    await this.#ceph('osd', 'pool', 'application', 'enable', 'volumes', 'rbd')
  }

  /** Waits until every placement group is there and clean. */
  async clean(): Promise<void> {
    const deadline = Date.now() + CLEAN_LIMIT_MS
    for (;;) {
      const state = await this.#ceph('pg', 'stat')
      if (/^[1-9]\d* pgs: \d+ active\+clean;/.test(state)) return
      if (Date.now() > deadline) throw new Error(`Ceph is not clean after ${CLEAN_LIMIT_MS / 1000} s: ${state}`)
      await sleep(POLL_MS)
    }
  }

  async #empty(name: string): Promise<void> {
    await rm(join(this.#folder, name), { recursive: true, force: true })
    await mkdir(join(this.#folder, name), { recursive: true })
  }

  #ceph(...args: readonly string[]): Promise<string> {
    return this.#run(...this.argv('ceph', '--connect-timeout', '30', ...args))
  }

  #authtool(...args: readonly string[]): Promise<string> {
    return this.#run(AUTHTOOL, ...args)
  }

  #run(...argv: readonly string[]): Promise<string> {
    return this.#context.daemons.run(LOG, argv)
  }
}

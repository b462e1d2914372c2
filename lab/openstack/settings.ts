import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The ports of a cloud, all on 127.0.0.1. Ceph's osd and mgr find free ones from 6800 on by themselves. */
export interface CloudPorts {
  readonly keystone: number
  readonly cinder: number
  readonly barbican: number
  readonly compute: number
  readonly rabbit: number
  readonly rabbitPeers: number
  readonly erlangNames: number
  readonly mariadb: number
  readonly cephMonitor: number
  readonly cephMonitorOld: number
}

/** Everything by which two clouds on one machine differ. */
export interface CloudSettings {
  /** Absolute; state, logs, passwords: everything of the cloud lies below. */
  readonly dir: string
  readonly ceph: boolean
  readonly ports: CloudPorts
}

/** As OpenStack and Ceph have them, but for the database and Erlang's names, which a host may run for others. */
const STANDARD: CloudPorts = {
  keystone: 5000,
  cinder: 8776,
  barbican: 9311,
  compute: 8774,
  rabbit: 5672,
  rabbitPeers: 25672,
  erlangNames: 14369,
  mariadb: 13306,
  cephMonitor: 3300,
  cephMonitorOld: 6789,
}

/** Free ports are looked for below those that the kernel gives to outgoing connections. */
const FREE_FROM = 12_000
const FREE_TO = 32_000

export interface CloudWishes {
  readonly dir: string
  readonly ceph: boolean
  /** Standard ports if all of them are free; otherwise, and by default, free ones. */
  readonly standardPorts?: boolean
}

/** Where people's own cloud lies, unless `HOLDFAST_CLOUD_DIR` says otherwise. */
export const defaultCloudDir = (): string => process.env.HOLDFAST_CLOUD_DIR || join(tmpdir(), 'holdfast-cloud')

/** The settings that this folder's cloud was made with, or new ones, written down for the next time. */
export async function settle(wishes: CloudWishes): Promise<CloudSettings> {
  const { dir } = wishes
  const known = await readPorts(dir)
  if (known !== undefined) return { dir, ceph: wishes.ceph, ports: known }
  await mkdir(dir, { recursive: true })
  if ((await readdir(dir)).length > 0) throw new Error(`${dir} holds something else than a cloud of the lab`)
  const ports = await choosePorts(wishes.standardPorts === true)
  await writeFile(`${portsFile(dir)}.new`, `${JSON.stringify(ports, null, 2)}\n`)
  await rename(`${portsFile(dir)}.new`, portsFile(dir))
  return { dir, ceph: wishes.ceph, ports }
}

const portsFile = (dir: string): string => join(dir, 'ports.json')

/** Undefined if this folder has no cloud. */
export async function readPorts(dir: string): Promise<CloudPorts | undefined> {
  const text = await readFile(portsFile(dir), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const found: Record<string, unknown> = JSON.parse(text)
  return eachPort(name => {
    const port = found[name]
    if (typeof port !== 'number') throw new Error(`${portsFile(dir)} names no port for ${name}`)
    return port
  })
}

async function choosePorts(standard: boolean): Promise<CloudPorts> {
  if (standard && (await allFree(Object.values(STANDARD)))) return STANDARD
  const count = Object.keys(STANDARD).length
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = FREE_FROM + Math.floor(Math.random() * (FREE_TO - FREE_FROM - count))
    let next = first
    const ports = eachPort(() => next++)
    if (await allFree(Object.values(ports))) return ports
  }
  throw new Error(`no ${count} free ports in a row between ${FREE_FROM} and ${FREE_TO}`)
}

const eachPort = (portOf: (name: keyof CloudPorts) => number): CloudPorts => ({
  keystone: portOf('keystone'),
  cinder: portOf('cinder'),
  barbican: portOf('barbican'),
  compute: portOf('compute'),
  rabbit: portOf('rabbit'),
  rabbitPeers: portOf('rabbitPeers'),
  erlangNames: portOf('erlangNames'),
  mariadb: portOf('mariadb'),
  cephMonitor: portOf('cephMonitor'),
  cephMonitorOld: portOf('cephMonitorOld'),
})

async function allFree(ports: readonly number[]): Promise<boolean> {
  const free = await Promise.all(ports.map(isFree))
  return free.every(Boolean)
}

/** True if nothing listens on this port of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer()
  server.once('error', () => resolve(false))
  server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)))
  return promise
}

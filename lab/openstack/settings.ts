import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Ports on 127.0.0.1. */
export interface CloudPorts {
  readonly keystone: number
  readonly cinder: number
  readonly barbican: number
  readonly compute: number
  readonly rabbit: number
  readonly rabbitPeers: number
  readonly erlangNames: number
  readonly mariadb: number
}

/** Where a cloud can be reached. */
export interface CloudPlaces {
  readonly ports: CloudPorts
  /**
   * Of 127.0.0.0/8. The monitor has the ports that monitors have, for Cinder tells clients its port without the protocol,
   * and of another port they could not guess it. Osd and mgr find free ones from 6800 on by themselves.
   */
  readonly cephAddress: string
}

/** Everything by which two clouds on one machine differ. */
export interface CloudSettings extends CloudPlaces {
  /** Absolute; state, logs, passwords: everything of the cloud lies below. */
  readonly dir: string
  readonly ceph: boolean
}

/** As OpenStack has them, but for the database and Erlang's names, which a host may run for others. */
const STANDARD_PORTS: CloudPorts = {
  keystone: 5000,
  cinder: 8776,
  barbican: 9311,
  compute: 8774,
  rabbit: 5672,
  rabbitPeers: 25672,
  erlangNames: 14369,
  mariadb: 13306,
}
/** Of Ceph's monitor: its newer protocol and its older one. */
export const MONITOR_PORTS: readonly [number, number] = [3300, 6789]
const LOOPBACK = '127.0.0.1'

/** Free ports are looked for below those that the kernel gives to outgoing connections. */
const FREE_FROM = 12_000
const FREE_TO = 32_000
const ATTEMPTS = 100

export interface CloudWishes {
  readonly dir: string
  readonly ceph: boolean
  /** Standard ports and 127.0.0.1 for Ceph if all of them are free; otherwise, and by default, free ones. */
  readonly standard?: boolean
}

/** Where people's own cloud lies, unless `HOLDFAST_CLOUD_DIR` says otherwise. */
export const defaultCloudDir = (): string => process.env.HOLDFAST_CLOUD_DIR || join(tmpdir(), 'holdfast-cloud')

/** The settings that this folder's cloud was made with, or new ones, written down for the next time. */
export async function settle({ dir, ceph, standard = false }: CloudWishes): Promise<CloudSettings> {
  const known = await readPlaces(dir)
  if (known !== undefined) return { dir, ceph, ...known }
  await mkdir(dir, { recursive: true })
  if ((await readdir(dir)).length > 0) throw new Error(`${dir} holds something else than a cloud of the lab`)
  const places = await choosePlaces(standard)
  await writeFile(`${placesFile(dir)}.new`, `${JSON.stringify(places, null, 2)}\n`)
  await rename(`${placesFile(dir)}.new`, placesFile(dir))
  return { dir, ceph, ...places }
}

const placesFile = (dir: string): string => join(dir, 'places.json')

/** Undefined if this folder has no cloud. */
export async function readPlaces(dir: string): Promise<CloudPlaces | undefined> {
  const text = await readFile(placesFile(dir), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const found: { ports?: Record<string, unknown>; cephAddress?: unknown } = JSON.parse(text)
  const ports = eachPort(name => {
    const port = found.ports?.[name]
    if (typeof port !== 'number') throw new Error(`${placesFile(dir)} names no port for ${name}`)
    return port
  })
  if (typeof found.cephAddress !== 'string') throw new Error(`${placesFile(dir)} names no address for Ceph`)
  return { ports, cephAddress: found.cephAddress }
}

async function choosePlaces(standard: boolean): Promise<CloudPlaces> {
  const usual = { ports: STANDARD_PORTS, cephAddress: LOOPBACK }
  if (standard && (await takenOf(usual)).length === 0) return usual
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    let next = between(FREE_FROM, FREE_TO)
    const ports = eachPort(() => next++)
    const cephAddress = `127.${between(1, 255)}.${between(0, 256)}.${between(1, 255)}`
    if ((await takenOf({ ports, cephAddress })).length === 0) return { ports, cephAddress }
  }
  throw new Error(`no free ports in a row between ${FREE_FROM} and ${FREE_TO} in ${ATTEMPTS} attempts`)
}

/** From the first number up to the second, without that. */
const between = (first: number, last: number): number => first + Math.floor(Math.random() * (last - first))

const eachPort = (portOf: (name: keyof CloudPorts) => number): CloudPorts => ({
  keystone: portOf('keystone'),
  cinder: portOf('cinder'),
  barbican: portOf('barbican'),
  compute: portOf('compute'),
  rabbit: portOf('rabbit'),
  rabbitPeers: portOf('rabbitPeers'),
  erlangNames: portOf('erlangNames'),
  mariadb: portOf('mariadb'),
})

/** Those of its ports on which something listens, as `address:port`. */
export async function takenOf({ ports, cephAddress }: CloudPlaces): Promise<readonly string[]> {
  const all = [
    ...Object.values(ports).map(port => [LOOPBACK, port] as const),
    ...MONITOR_PORTS.map(port => [cephAddress, port] as const),
  ]
  const free = await Promise.all(all.map(([address, port]) => isFree(port, address)))
  return all.filter((_, index) => !free[index]).map(([address, port]) => `${address}:${port}`)
}

/** True if nothing listens on this port of the address. */
export function isFree(port: number, host = LOOPBACK): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer()
  server.once('error', () => resolve(false))
  server.listen({ port, host }, () => server.close(() => resolve(true)))
  return promise
}

/**
 * Volumes of a cloud by Holdfast.
 *
 *     ours.ts ORIGIN
 */
import { systemClock } from '#src/core/clock.ts'
import { systemRandom } from '#src/core/random.ts'
import { Secret } from '#src/core/secret.ts'
import { UndiciTransport } from '#src/http/undici-transport.ts'
import type { CloudCredentials } from '#src/openstack/keystone/credentials.ts'
import { openCloud } from '#src/openstack/session.ts'
import { CinderVolumeService } from '#src/volumes/cinder/cinder-volume-service.ts'
import type { Volume, VolumeService } from '#src/volumes/volume-service.ts'
import { type Seen, serve, sumOf, type Work } from './worker.ts'

const volumes = open(String(process.argv[2]))
// Logged in, connected, and every module imported that comes late.
await firstOf(volumes)
await serve(work)

async function work({ verb, ids = [], inFlight = 1 }: Work): Promise<Seen> {
  if (verb === 'list') return sumOf(await volumes.getAll())
  return verb === 'iterate' ? await iterate() : await getAll(ids, inFlight)
}

async function iterate(): Promise<Seen> {
  let [count, gib] = [0, 0]
  for await (const { size } of volumes.list()) {
    count += 1
    gib += size
  }
  return { count, gib }
}

async function getAll(ids: readonly string[], inFlight: number): Promise<Seen> {
  const got: Volume[] = []
  let next = 0
  const lane = async () => {
    for (let id = ids[next++]; id !== undefined; id = ids[next++]) got.push(await volumes.get(id))
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return sumOf(got)
}

async function firstOf(service: VolumeService): Promise<void> {
  for await (const { id } of service.list()) {
    await service.get(id)
    return
  }
}

function open(origin: string): VolumeService {
  const host = { clock: systemClock, random: systemRandom }
  const session = openCloud({ ...host, credentials: credentialsAt(origin), transport: new UndiciTransport() })
  const unasked = async () => {
    throw new Error('nothing secret comes in volumes')
  }
  const sealer = { seal: unasked, open: unasked }
  return new CinderVolumeService({ client: session.client('block-storage'), host, hostName: 'bench', sealer })
}

function credentialsAt(origin: string): CloudCredentials {
  const bench = { name: 'bench', domain: { name: 'Default' } }
  return {
    authUrl: `${origin}/identity/v3`,
    method: { type: 'password', user: bench, password: new Secret(new TextEncoder().encode('bench')) },
    scope: { type: 'project', project: bench },
    interface: 'public',
    tls: {},
    endpoints: {},
  }
}

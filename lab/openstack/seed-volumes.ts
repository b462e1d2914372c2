import { setTimeout as sleep } from 'node:timers/promises'
import { type Context, urlOf } from './context.ts'
import { ADMIN, SMALL_QUOTA } from './people.ts'
import { logIn, Rest } from './rest.ts'
import { backendsOf } from './services.ts'

type Ids = Readonly<Record<string, string>>

interface VolumeType {
  readonly backend: string
  readonly multiattach?: boolean
  readonly encrypted?: boolean
}

const TYPES: Readonly<Record<string, VolumeType>> = {
  lab: { backend: 'lab1' },
  'lab-az2': { backend: 'lab2' },
  luks: { backend: 'lab1', encrypted: true },
  multiattach: { backend: 'lab1', multiattach: true },
  nobackend: { backend: 'does-not-exist' },
}
const CEPH_TYPES: Readonly<Record<string, VolumeType>> = {
  ceph: { backend: 'ceph' },
  'ceph-luks': { backend: 'ceph', encrypted: true },
  'ceph-multiattach': { backend: 'ceph', multiattach: true },
}
const ENCRYPTION = { provider: 'luks', cipher: 'aes-xts-plain64', key_size: 256, control_location: 'front-end' }

const BACKENDS_LIMIT_MS = 90_000
const POLL_MS = 200

/** Volume types and quotas, made where they are missing. Answers the ids of types. */
export async function seedVolumes(context: Context, projects: Ids): Promise<Ids> {
  const cinder = await cinderOf(context)
  const wanted = { ...TYPES, ...(context.settings.ceph ? CEPH_TYPES : {}) }
  const types = { ...(await typesOf(cinder)) }
  for (const [name, type] of Object.entries(wanted)) {
    types[name] ??= await makeType(cinder, name, type)
    if (type.encrypted) await ensureEncryption(cinder, types[name])
  }
  await cinder.put(`/os-quota-sets/${projects.small}`, { quota_set: SMALL_QUOTA })
  return types
}

async function cinderOf({ settings: { ports } }: Context): Promise<Rest> {
  const { token, projectId } = await logIn(`${urlOf(ports.keystone)}/v3`, ADMIN)
  return new Rest(`${urlOf(ports.cinder)}/v3/${projectId}`, token)
}

async function typesOf(cinder: Rest): Promise<Ids> {
  const reply = (await cinder.get('/types?is_public=None')) as { volume_types: readonly { id: string; name: string }[] }
  return Object.fromEntries(reply.volume_types.map(({ id, name }) => [name, id]))
}

async function makeType(cinder: Rest, name: string, { backend, multiattach }: VolumeType): Promise<string> {
  const specs = { volume_backend_name: backend, ...(multiattach && { multiattach: '<is> True' }) }
  const body = { name, extra_specs: specs, 'os-volume-type-access:is_public': true }
  const reply = (await cinder.post('/types', { volume_type: body })) as { volume_type: { id: string } }
  return reply.volume_type.id
}

async function ensureEncryption(cinder: Rest, type: string): Promise<void> {
  const found = (await cinder.get(`/types/${type}/encryption`)) as { provider?: string }
  if (found.provider === undefined) await cinder.post(`/types/${type}/encryption`, { encryption: ENCRYPTION })
}

/** Waits until every back end reports that it is up, and the scheduler knows its pool: then volumes can be made. */
export async function waitForBackends(context: Context): Promise<void> {
  const cinder = await cinderOf(context)
  const wanted = backendsOf(context)
  const deadline = Date.now() + BACKENDS_LIMIT_MS
  for (;;) {
    const ready = await readyBackends(cinder)
    if (wanted.every(name => ready.has(name))) return
    if (Date.now() > deadline) {
      throw new Error(`back ends of Cinder: wanted ${wanted.join(', ')}, up are ${[...ready].join(', ')}`)
    }
    await sleep(POLL_MS)
  }
}

type Services = { services: readonly { binary: string; host: string; state: string }[] }
type Pools = { pools: readonly { name: string }[] }

async function readyBackends(cinder: Rest): Promise<ReadonlySet<string>> {
  const { services } = (await cinder.get('/os-services')) as Services
  const up = services.filter(({ state }) => state === 'up')
  // Without a scheduler the question for its pools would only be answered when it times out.
  if (!up.some(({ binary }) => binary === 'cinder-scheduler')) return new Set()
  const { pools } = (await cinder.get('/scheduler-stats/get_pools')) as Pools
  const known = pools.map(({ name }) => /@(.*?)(#|$)/.exec(name)?.[1])
  return new Set(up.map(({ host }) => host.split('@')[1] ?? '').filter(name => known.includes(name)))
}

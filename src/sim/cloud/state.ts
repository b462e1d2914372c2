import type { World } from '../world.ts'
import type { SimAttachmentRow, SimSnapshotRow, SimTypeRow, SimVolumeRow } from './cinder/rows.ts'

export interface CloudSettings {
  /** Greatest microversion of Cinder; undefined: it has version 2 of the API only. */
  readonly volumeApi: string | undefined
  /** Roles that make a service token one. */
  readonly serviceTokenRoles: readonly string[]
  /** How long tokens live, and how long the services take for what they do later; milliseconds. */
  readonly tokenMs: number
  readonly taskMs: number
  /** Most entries of one page of a listing. */
  readonly pageLimit: number
  /** The volume type of volumes that name none. */
  readonly defaultType: string
  /** Where volumes lie whose type does not say: sparse files that are exported by iSCSI, or images of Ceph. */
  readonly backend: 'lab' | 'ceph'
  /** What is made of a snapshot of Ceph is made whole (`rbd_flatten_volume_from_snapshot`), so that it keeps the snapshot no longer. */
  readonly flatten: boolean
}

export const CLOUD_SETTINGS: CloudSettings = {
  volumeApi: '3.70',
  serviceTokenRoles: ['service'],
  tokenMs: 24 * 3_600_000,
  taskMs: 300,
  pageLimit: 1000,
  defaultType: 'lab',
  backend: 'lab',
  flatten: false,
}

export interface CloudProject {
  readonly id: string
  readonly name: string
}

export interface CloudUser {
  readonly id: string
  readonly name: string
  readonly password: string
  /** By project id. */
  readonly roles: Map<string, readonly string[]>
  readonly defaultProjectId: string
}

export interface CloudCredential {
  readonly id: string
  readonly name: string
  readonly secret: string
  readonly userId: string
  readonly projectId: string
}

export interface CloudSecret {
  readonly id: string
  readonly projectId: string
  readonly creatorId: string
  readonly name: string | null
  readonly type: string
  readonly algorithm: string | null
  readonly bitLength: number | null
  readonly mode: string | null
  readonly expiration: string | null
  readonly created: number
  contentType: string | undefined
  payload: Uint8Array | undefined
  consumers: { readonly service: string; readonly resource_type: string; readonly resource_id: string }[]
}

export interface CloudOrder {
  readonly id: string
  readonly projectId: string
  readonly meta: Record<string, unknown>
  secretId: string | undefined
  /** Why it came to nothing. */
  failed: string | undefined
  /** When it is done, on the world's monotonic clock; undefined: it is. */
  due: number | undefined
}

export interface CloudMessage {
  readonly id: string
  readonly projectId: string
  readonly volumeId: string
  readonly event: string
  readonly text: string
  readonly at: number
}

export interface CloudQuota {
  volumes: number
  gigabytes: number
  snapshots: number
  per_volume_gigabytes: number
}

/** An image of the image service. */
export interface CloudImage {
  readonly id: string
  readonly sizeGib: number
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * The cloud's databases: plain data, which outlives every process and every power cut of the host. Users and projects are
 * kept by id.
 */
export interface CloudState {
  settings: CloudSettings
  /** Signs tokens. */
  readonly tokenKey: string
  readonly projects: Map<string, CloudProject>
  readonly users: Map<string, CloudUser>
  readonly credentials: Map<string, CloudCredential>
  /** Hashes of tokens that are no longer good. */
  readonly revoked: Set<string>
  readonly volumes: Map<string, SimVolumeRow>
  readonly attachments: Map<string, SimAttachmentRow>
  readonly snapshots: Map<string, SimSnapshotRow>
  readonly types: Map<string, SimTypeRow>
  readonly images: Map<string, CloudImage>
  readonly quotas: Map<string, CloudQuota>
  readonly messages: CloudMessage[]
  readonly secrets: Map<string, CloudSecret>
  readonly orders: Map<string, CloudOrder>
}

const hex = (id: string): string => id.replaceAll('-', '')

interface NewUser {
  readonly name: string
  readonly password: string
  readonly project: string
  readonly roles: readonly string[]
}

/** Who there is in the lab's cloud, and so here. */
const USERS: readonly NewUser[] = [
  { name: 'admin', password: 'admin-pw', project: 'admin', roles: ['reader', 'member', 'admin'] },
  { name: 'demo', password: 'demo-pw', project: 'demo', roles: ['reader', 'member', 'creator'] },
  { name: 'demo-nokey', password: 'demo-pw', project: 'demo', roles: ['reader', 'member'] },
  { name: 'demo-reader', password: 'demo-pw', project: 'demo', roles: ['reader'] },
  { name: 'alt', password: 'demo-pw', project: 'alt', roles: ['reader', 'member', 'creator'] },
  ...['nova', 'cinder', 'barbican'].map(name => ({
    ...{ name, password: 'service-pw', project: 'service' },
    roles: ['admin', 'service'],
  })),
]

const AES = { cipher: 'aes-xts-plain64', keySize: 256, controlLocation: 'front-end' } as const

const TYPES: readonly Omit<SimTypeRow, 'id'>[] = [
  { name: 'lab', extraSpecs: {}, backend: 'lab' },
  { name: 'lab-az2', extraSpecs: {}, backend: 'lab', zone: 'az2' },
  { name: 'luks', extraSpecs: {}, backend: 'lab', encryption: { provider: 'luks', ...AES } },
  { name: 'multiattach', extraSpecs: { multiattach: '<is> True' }, backend: 'lab' },
  { name: 'nobackend', extraSpecs: {}, backend: undefined },
  { name: 'ceph', extraSpecs: {}, backend: 'ceph' },
  { name: 'ceph-luks', extraSpecs: {}, backend: 'ceph', encryption: { provider: 'luks', ...AES } },
  { name: 'ceph-multiattach', extraSpecs: { multiattach: '<is> True' }, backend: 'ceph' },
]

/** The cloud of this world: made at the first call as the lab's is, then the same one. */
export const cloudState = (world: World): CloudState => world.slot('cloud', () => newState(world))

function newState({ random }: World): CloudState {
  const state: CloudState = {
    settings: CLOUD_SETTINGS,
    tokenKey: random.uuid(),
    projects: new Map(),
    users: new Map(),
    credentials: new Map(),
    revoked: new Set(),
    volumes: new Map(),
    attachments: new Map(),
    snapshots: new Map(),
    types: new Map(),
    images: new Map(),
    quotas: new Map(),
    messages: [],
    secrets: new Map(),
    orders: new Map(),
  }
  for (const user of USERS) addUser(state, random, user)
  for (const type of TYPES) {
    const id = random.uuid()
    state.types.set(id, { id, ...type })
  }
  return state
}

function addUser(state: CloudState, random: World['random'], { name, password, project, roles }: NewUser): void {
  const projectId = [...state.projects.values()].find(each => each.name === project)?.id ?? hex(random.uuid())
  state.projects.set(projectId, { id: projectId, name: project })
  const id = hex(random.uuid())
  state.users.set(id, { id, name, password, roles: new Map([[projectId, roles]]), defaultProjectId: projectId })
}

/** −1: no limit. */
export function quotaOf(state: CloudState, projectId: string): CloudQuota {
  const quota = state.quotas.get(projectId)
  return quota ?? { volumes: 50, gigabytes: 1000, snapshots: 10, per_volume_gigabytes: -1 }
}

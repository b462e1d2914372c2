import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '#src/core/clock.ts'
import { systemRandom } from '#src/core/random.ts'
import { Secret } from '#src/core/secret.ts'
import { UndiciTransport } from '#src/http/undici-transport.ts'
import type { CloudCredentials, NameInDomain } from '#src/openstack/keystone/credentials.ts'
import { CloudSession } from '#src/openstack/session.ts'
import { CinderVolumeService } from '#src/volumes/cinder/cinder-volume-service.ts'
import type { CinderVolumeOptions } from '#src/volumes/cinder/settings.ts'
import type { FixtureSettings } from '#src/volumes/conformance.ts'
import type { Lab } from './cloud.ts'
import { openSealer } from './rbd-fixture.ts'
import { logIn, Rest } from './rest.ts'

export const HOST_NAME = 'compute-conformance'
const ROLES = ['admin', 'member', 'creator']
const EMPTY_LIMIT_MS = 60_000
const domain = { name: 'Default' }

type Named = { readonly id: string; readonly name: string }
type Listed = Readonly<Record<string, readonly Named[]>>

/** Logged in to the lab as this user, with the service user `nova` beside it unless told otherwise. */
export function openLabSession(
  lab: Lab,
  user: string,
  options: { readonly project?: NameInDomain; readonly service?: boolean } = {},
): CloudSession {
  const credentials = (name: string, project?: NameInDomain): CloudCredentials => ({
    authUrl: lab.authUrl,
    method: {
      type: 'password',
      user: { name, domain },
      password: new Secret(new TextEncoder().encode(lab.users[name]?.password)),
    },
    scope: { type: 'project', project: project ?? { name: lab.users[name]?.project, domain } },
    interface: 'public',
    tls: {},
    endpoints: {},
  })
  return new CloudSession({
    transport: new UndiciTransport(),
    clock: systemClock,
    random: systemRandom,
    credentials: credentials(user, options.project),
    service: options.service === false ? undefined : credentials('nova'),
  })
}

export const volumeService = (session: CloudSession, more: Partial<CinderVolumeOptions> = {}): CinderVolumeService =>
  new CinderVolumeService({
    client: session.client('block-storage'),
    host: { clock: systemClock, random: systemRandom },
    hostName: HOST_NAME,
    sealer: openSealer,
    ...more,
  })

/** A project of the lab's cloud that is made for one test, with the cloud's administrator in it, and goes with it. */
export class LabProject {
  readonly service: CinderVolumeService
  readonly session: CloudSession
  readonly cinder: Rest
  readonly #id: string
  readonly #lab: Lab
  readonly #keystone: Rest
  readonly #token: string
  readonly #types = new Set<string>()

  private constructor(
    lab: Lab,
    id: string,
    session: CloudSession,
    rests: { keystone: Rest; cinder: Rest; token: string },
  ) {
    this.#lab = lab
    this.#id = id
    this.session = session
    this.service = volumeService(session)
    this.cinder = rests.cinder
    this.#keystone = rests.keystone
    this.#token = rests.token
  }

  static async make(lab: Lab, { quotas }: FixtureSettings = {}): Promise<LabProject> {
    const { password = '', project = '' } = lab.users.admin ?? {}
    const keystone = new Rest(lab.authUrl, (await logIn(lab.authUrl, { name: 'admin', password, project })).token)
    const name = `holdfast-${randomUUID()}`
    const made = (await keystone.post('/projects', { project: { name, domain_id: 'default' } })) as {
      readonly project: Named
    }
    const { id } = made.project
    await addAdministrator(keystone, id)
    const [{ token }, service] = await Promise.all([
      logIn(lab.authUrl, { name: 'admin', password, project: name }),
      logIn(lab.authUrl, { name: 'nova', ...(lab.users.nova ?? { password: '', project: '' }) }),
    ])
    const cinder = new Rest(`${lab.endpoints['block-storage']}/${id}`, token, {
      'OpenStack-API-Version': 'volume 3.44',
      'X-Service-Token': service.token,
    })
    if (quotas) await cinder.put(`/os-quota-sets/${id}`, { quota_set: quotas })
    return new LabProject(lab, id, openLabSession(lab, 'admin', { project: { id } }), { keystone, cinder, token })
  }

  /** Its volumes go to the backend of sparse files, which the service has no word for. */
  async pinType(id: string): Promise<void> {
    this.#types.add(id)
    await this.cinder.post(`/types/${id}/extra_specs`, { extra_specs: { volume_backend_name: 'lab1' } })
  }

  async hasKey(id: string): Promise<boolean> {
    const response = await fetch(`${this.#lab.endpoints['key-manager']}/v1/secrets/${id}`, {
      headers: { 'X-Auth-Token': this.#token, Accept: 'application/json' },
    })
    await response.arrayBuffer()
    return response.ok
  }

  async dispose(): Promise<void> {
    await this.#each('attachments', id => this.cinder.delete(`/attachments/${id}`))
    await this.#each('snapshots', id => this.cinder.post(`/snapshots/${id}/action`, { 'os-force_delete': {} }))
    await this.#gone('snapshots')
    await this.#each('volumes', id => this.cinder.post(`/volumes/${id}/action`, { 'os-force_delete': {} }))
    await this.#gone('volumes')
    for (const id of this.#types) await this.cinder.delete(`/types/${id}`).catch(ignoreAbsent)
    await this.session.close()
    await this.#keystone.delete(`/projects/${this.#id}`)
  }

  async #list(collection: string): Promise<readonly Named[]> {
    return ((await this.cinder.get(`/${collection}`)) as Listed)[collection] ?? []
  }

  async #each(collection: string, work: (id: string) => Promise<unknown>): Promise<void> {
    await Promise.all((await this.#list(collection)).map(({ id }) => work(id)))
  }

  async #gone(collection: string): Promise<void> {
    const deadline = Date.now() + EMPTY_LIMIT_MS
    while ((await this.#list(collection)).length > 0) {
      if (Date.now() > deadline) throw new Error(`${collection} of the test's project do not go`)
      await sleep(200)
    }
  }
}

async function addAdministrator(keystone: Rest, projectId: string): Promise<void> {
  const { users = [] } = (await keystone.get('/users?name=admin')) as Listed
  const { roles = [] } = (await keystone.get('/roles')) as Listed
  for (const role of roles.filter(({ name }) => ROLES.includes(name))) {
    await keystone.put(`/projects/${projectId}/users/${users[0]?.id}/roles/${role.id}`)
  }
}

function ignoreAbsent(error: unknown): void {
  if (!/: 404 /.test(String(error))) throw error
}

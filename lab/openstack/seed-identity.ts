import { type Context, REGION, urlOf } from './context.ts'
import { ADMIN, PEOPLE, type Person, PROJECTS, ROLES } from './people.ts'
import { logIn, Rest } from './rest.ts'

type Ids = Readonly<Record<string, string>>
type Named = { id: string; name: string }

const FACES = ['public', 'internal', 'admin']

/** Roles, projects, users and the catalog, made where they are missing. Answers the ids of projects. */
export async function seedIdentity({ settings: { ports } }: Context): Promise<Ids> {
  const authUrl = `${urlOf(ports.keystone)}/v3`
  const { token } = await logIn(authUrl, ADMIN)
  const keystone = new Rest(authUrl, token)
  const roles = await ensureAll(keystone, 'roles', 'role', ROLES)
  const projects = await ensureAll(keystone, 'projects', 'project', PROJECTS, { domain_id: 'default' })
  for (const person of PEOPLE) await ensurePerson(keystone, person, roles, projects)
  const cinder = `${urlOf(ports.cinder)}/v3/$(project_id)s`
  const compute = urlOf(ports.compute)
  await ensureEndpoints(keystone, [
    { type: 'block-storage', name: 'cinder', url: cinder },
    { type: 'volumev3', name: 'cinderv3', url: cinder },
    { type: 'key-manager', name: 'barbican', url: urlOf(ports.barbican) },
    { type: 'compute', name: 'nova', url: `${compute}/v2.1` },
    { type: 'image', name: 'glance', url: `${compute}/image` },
  ])
  return projects
}

/** Ids by name of everything in the collection, after what is missing has been made. */
async function ensureAll(
  keystone: Rest,
  collection: string,
  item: string,
  names: readonly string[],
  body: Readonly<Record<string, unknown>> = {},
): Promise<Ids> {
  const reply = (await keystone.get(`/${collection}`)) as Record<string, readonly Named[]>
  const ids = new Map(reply[collection]?.map(({ id, name }) => [name, id]))
  for (const name of names) {
    if (ids.has(name)) continue
    const made = (await keystone.post(`/${collection}`, { [item]: { ...body, name } })) as Record<string, Named>
    ids.set(name, idOf(made[item], name))
  }
  return Object.fromEntries(ids)
}

async function ensurePerson(keystone: Rest, person: Person, roles: Ids, projects: Ids): Promise<void> {
  const { name, password } = person
  const project = idOf(projects[person.project], person.project)
  const users = await ensureAll(keystone, 'users', 'user', [name], {
    password,
    domain_id: 'default',
    default_project_id: project,
  })
  for (const role of person.roles) {
    await keystone.put(`/projects/${project}/users/${users[name]}/roles/${idOf(roles[role], role)}`)
  }
}

interface Service {
  readonly type: string
  readonly name: string
  readonly url: string
}
type Endpoint = { id: string; service_id: string; interface: string; url: string }

async function ensureEndpoints(keystone: Rest, wanted: readonly Service[]): Promise<void> {
  const { services } = (await keystone.get('/services')) as { services: readonly { id: string; type: string }[] }
  const { endpoints } = (await keystone.get('/endpoints')) as { endpoints: readonly Endpoint[] }
  for (const { type, name, url } of wanted) {
    const known = services.find(service => service.type === type)
    const id = known?.id ?? (await makeService(keystone, type, name))
    for (const face of FACES) {
      const found = endpoints.find(endpoint => endpoint.service_id === id && endpoint.interface === face)
      if (found?.url === url) continue
      if (found !== undefined) await keystone.patch(`/endpoints/${found.id}`, { endpoint: { url } })
      else await keystone.post('/endpoints', { endpoint: { interface: face, service_id: id, url, region_id: REGION } })
    }
  }
}

async function makeService(keystone: Rest, type: string, name: string): Promise<string> {
  const { service } = (await keystone.post('/services', { service: { type, name } })) as { service: Named }
  return service.id
}

function idOf(found: string | Named | undefined, name: string): string {
  if (found === undefined) throw new Error(`Keystone has no ${name}`)
  return typeof found === 'string' ? found : found.id
}

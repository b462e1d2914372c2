import type { Call, FakeVaultState, Reply } from './fake-state.ts'

const no = (status: number, ...errors: string[]): Reply => ({ status, body: { errors } })
const absent = (data?: unknown, warnings?: readonly string[]): Reply =>
  data === undefined && !warnings ? no(404) : { status: 404, body: { request_id: 'r', data: data ?? null, warnings } }
const ok = (fields: Record<string, unknown>): Reply => ({
  status: 200,
  body: {
    request_id: '5a2b9c1e',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    wrap_info: null,
    warnings: null,
    ...fields,
  },
})
const DENIED = no(403, 'permission denied')

/** As Vault 1.15 answers. What is not sent as its API wants it is refused. */
export function route(state: FakeVaultState, call: Call): Reply {
  const { headers, path } = call
  if (state.sealed) return no(503, 'Vault is sealed')
  if (headers['x-vault-namespace'] !== state.namespace) return no(404, 'no handler for route "" in this namespace')
  if (headers['x-vault-request'] !== 'true') return no(412, 'missing X-Vault-Request')
  if (call.body !== '' && headers['content-type'] !== 'application/json') return no(400, 'not JSON')
  const login = /^auth\/(.+)\/login$/.exec(path)?.[1]
  if (login !== undefined) return logIn(state, login, call)
  const token = state.living(headers['x-vault-token'])
  if (!token) return no(403, 'permission denied', 'invalid token')
  if (path.startsWith('auth/token/')) return own(state, call)
  if (!token.allowed.some(start => path.startsWith(start))) return DENIED
  return engine(state, call)
}

function logIn(state: FakeVaultState, mount: string, call: Call): Reply {
  if (call.method !== 'POST' || call.headers['x-vault-token'] !== undefined) return no(405, 'unsupported operation')
  const sent = JSON.parse(call.body)
  if (mount === 'approle' || mount === 'roles/of/hosts') {
    if (!state.approles.has(sent.role_id)) return no(400, 'invalid role or secret ID')
    if (state.approles.get(sent.role_id) !== sent.secret_id) return no(400, 'invalid role or secret ID')
  } else if (mount === 'kubernetes' || mount === 'jwt') {
    if (!state.jwtRoles.has(sent.role)) return no(400, `invalid role name "${sent.role}"`)
    if (state.jwtRoles.get(sent.role) !== sent.jwt) return DENIED
  } else return no(404, `no handler for route "auth/${mount}/login". route entry not found.`)
  const client_token = state.newToken()
  return ok({ data: null, auth: { client_token, lease_duration: state.leaseMs / 1000, renewable: true } })
}

function own(state: FakeVaultState, call: Call): Reply {
  const name = String(call.headers['x-vault-token'])
  const token = state.living(name)
  if (!token) return DENIED
  if (call.path === 'auth/token/lookup-self' && call.method === 'GET')
    return ok({ data: { renewable: token.renewable } })
  if (call.method !== 'POST') return no(405, 'unsupported operation')
  if (call.path === 'auth/token/revoke-self') {
    state.tokens.delete(name)
    return { status: 204 }
  }
  if (!token.renewable) return no(400, 'lease is not renewable')
  state.renewals += 1
  token.end = Math.min(state.now + state.leaseMs, token.longest)
  const lease_duration = Math.floor((token.end - state.now) / 1000)
  return ok({ data: null, auth: { client_token: name, lease_duration, renewable: true } })
}

function engine(state: FakeVaultState, call: Call): Reply {
  const found = [...state.mounts].find(([name]) => call.path.startsWith(`${name}/`))
  if (!found) return no(404, `no handler for route "${call.path}". route entry not found.`)
  const [name, { version }] = found
  const rest = decodeURIComponent(call.path.slice(name.length + 1))
  if (version === 1) return keyValue1(state, name, rest, call)
  const [part, ...folders] = rest.split('/')
  const wrong =
    'Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use.'
  if (part === 'data') return keyValue2(state, name, folders.join('/'), call)
  if (part === 'metadata') return metadata(state, name, folders.join('/'), call)
  return absent(undefined, [wrong])
}

function keyValue1(state: FakeVaultState, mount: string, path: string, call: Call): Reply {
  const entries = state.entries(mount)
  if (call.method === 'POST') {
    entries.set(path, { versions: [JSON.parse(call.body)] })
    return { status: 204 }
  }
  if (call.method === 'DELETE') {
    entries.delete(path)
    return { status: 204 }
  }
  if (call.query.get('list') === 'true') return listing([...entries.keys()], path)
  const data = entries.get(path)?.versions.at(-1)
  return data ? ok({ lease_duration: 2_764_800, data }) : absent()
}

function keyValue2(state: FakeVaultState, mount: string, path: string, call: Call): Reply {
  const entries = state.entries(mount)
  const entry = entries.get(path)
  const count = entry?.versions.length ?? 0
  if (call.method === 'POST') {
    const { data, options, ...more } = JSON.parse(call.body)
    if (typeof data !== 'object' || Object.keys(more).length > 0) return no(400, 'no data provided')
    if (options?.cas !== undefined && options.cas !== count) {
      return no(400, 'check-and-set parameter did not match the current version')
    }
    entries.set(path, { versions: [...(entry?.versions ?? []), data] })
    return ok({ data: { version: count + 1, created_time: '2026-11-23T06:00:00Z', destroyed: false } })
  }
  if (call.method !== 'GET') return no(405, 'unsupported operation')
  if (!entry) return absent()
  const data = entry.versions.at(-1)
  const about = { version: count, custom_metadata: null, deletion_time: data ? '' : '2026-11-23T06:00:00Z' }
  return data ? ok({ data: { data, metadata: about } }) : absent({ data: null, metadata: about })
}

function metadata(state: FakeVaultState, mount: string, path: string, call: Call): Reply {
  const entries = state.entries(mount)
  if (call.query.get('list') === 'true') return listing([...entries.keys()], path)
  if (call.method === 'DELETE') {
    entries.delete(path)
    return { status: 204 }
  }
  if (call.method !== 'GET') return no(405, 'unsupported operation')
  const entry = entries.get(path)
  return entry ? ok({ data: { current_version: entry.versions.length, max_versions: 0 } }) : absent()
}

function listing(paths: readonly string[], folder: string): Reply {
  const start = folder === '' || folder.endsWith('/') ? folder : `${folder}/`
  const below = paths.filter(path => path.startsWith(start)).map(path => path.slice(start.length))
  const names = below.map(path => (path.includes('/') ? `${path.split('/')[0]}/` : path))
  return names.length === 0 ? absent() : ok({ data: { keys: [...new Set(names)].sort() } })
}

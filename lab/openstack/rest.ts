/** A service's JSON over HTTP, for making the cloud and for looking at it from outside of Holdfast's own clients. */
export class Rest {
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>

  constructor(base: string, token: string, headers: Readonly<Record<string, string>> = {}) {
    this.#base = base
    this.#headers = { ...headers, 'X-Auth-Token': token, Accept: 'application/json' }
  }

  get(path: string): Promise<unknown> {
    return this.#call('GET', path)
  }

  post(path: string, body: unknown): Promise<unknown> {
    return this.#call('POST', path, body)
  }

  put(path: string, body?: unknown): Promise<unknown> {
    return this.#call('PUT', path, body)
  }

  patch(path: string, body: unknown): Promise<unknown> {
    return this.#call('PATCH', path, body)
  }

  delete(path: string): Promise<unknown> {
    return this.#call('DELETE', path)
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const url = `${this.#base}${path}`
    const response = await fetch(url, {
      method,
      headers: { ...this.#headers, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text.slice(0, 500)}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}

export interface Login {
  readonly token: string
  readonly projectId: string
}

/** A token of this user for this project, both by name in the domain Default. */
export async function logIn(
  authUrl: string,
  user: { name: string; password: string; project: string },
): Promise<Login> {
  const domain = { name: 'Default' }
  const identity = {
    methods: ['password'],
    password: { user: { name: user.name, domain, password: user.password } },
  }
  const response = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope: { project: { name: user.project, domain } } } }),
    signal: AbortSignal.timeout(60_000),
  })
  const text = await response.text()
  const token = response.headers.get('X-Subject-Token')
  if (!response.ok || token === null) throw new Error(`login of ${user.name}: ${response.status} ${text}`)
  const reply: { token: { project: { id: string } } } = JSON.parse(text)
  return { token, projectId: reply.token.project.id }
}

import type { Clock } from '#src/core/clock.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Random } from '#src/core/random.ts'
import { Secret } from '#src/core/secret.ts'
import type { HttpRequest, HttpResponse, HttpTransport } from '#src/http/transport.ts'
import type { CloudCredentials } from '../keystone/credentials.ts'
import { openCloud } from '../session.ts'

/** Time that passes only where somebody sleeps. */
export class PassingClock implements Clock {
  at = Date.UTC(2026, 10, 22)
  readonly slept: number[] = []

  now(): number {
    return this.at
  }

  monotonic(): number {
    return this.at
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.slept.push(ms)
    this.at += ms
  }
}

export const secret = (text: string) => new Secret(new TextEncoder().encode(text))

export const reply = (status: number, body: unknown = {}, headers: Record<string, string> = {}): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json', 'x-openstack-request-id': 'req-of-the-server', ...headers },
  body: new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
})

export const lost = new HoldfastError('unavailable', 'reply-lost', 'no whole reply came')
export const unreachable = new HoldfastError('unavailable', 'endpoint-unreachable', 'nothing listens there')

export const CATALOG = [
  {
    type: 'volumev3',
    name: 'cinderv3',
    endpoints: [
      { interface: 'public', region_id: 'one', url: 'http://cinder.test/v3/$(project_id)s' },
      { interface: 'internal', region_id: 'one', url: 'http://inside.test/v3/%(tenant_id)s/' },
      { interface: 'public', region_id: 'two', url: 'http://two.test/v3' },
    ],
  },
  {
    type: 'key-manager',
    name: 'barbican',
    endpoints: [{ interface: 'public', region: 'one', url: 'http://keys.test' }],
  },
]

export const tokenBody = (more: object = {}, seconds = 3600, now = Date.UTC(2026, 10, 22)) => ({
  token: {
    issued_at: new Date(now).toISOString(),
    expires_at: new Date(now + seconds * 1000).toISOString(),
    user: { id: 'u1', name: 'demo' },
    project: { id: 'p1', name: 'demo' },
    roles: [{ name: 'member' }],
    catalog: CATALOG,
    ...more,
  },
})

export type Answer = HttpResponse | HoldfastError | ((request: HttpRequest) => HttpResponse | Promise<HttpResponse>)

/** A cloud whose services answer as they are told, one after another; the last answer stays. */
export function scriptedCloud(
  script: { login?: readonly Answer[]; service?: readonly Answer[]; serviceLogin?: readonly Answer[] },
  credentials: Partial<CloudCredentials> = {},
) {
  const sent: HttpRequest[] = []
  const clock = new PassingClock()
  let tokens = 0
  const queues = {
    login: [
      ...(script.login ?? [
        () => reply(201, tokenBody({}, 3600, clock.at), { 'x-subject-token': `token-${++tokens}` }),
      ]),
    ],
    serviceLogin: [...(script.serviceLogin ?? [])],
    service: [...(script.service ?? [reply(200)])],
  }
  const answer = (queue: Answer[]) => (queue.length > 1 ? queue.shift() : queue[0])
  const transportOf = (login: Answer[]): HttpTransport => ({
    async send(request) {
      sent.push(request)
      const next = answer(request.url.endsWith('/auth/tokens') ? login : queues.service)
      if (next === undefined || next instanceof HoldfastError) throw next ?? unreachable
      return typeof next === 'function' ? await next(request) : next
    },
    close: async () => {},
  })
  const random: Random = { uuid: () => '00000000-0000-4000-8000-000000000000', bytes: count => new Uint8Array(count) }
  const whole: CloudCredentials = {
    authUrl: 'http://keystone.test/v3/',
    method: {
      type: 'password',
      user: { name: 'demo', domain: { name: 'Default' } },
      password: secret('hidden-password'),
    },
    scope: { type: 'project', project: { name: 'demo', domain: { name: 'Default' } } },
    interface: 'public',
    region: 'one',
    tls: {},
    endpoints: {},
    ...credentials,
  }
  const session = openCloud({
    credentials: whole,
    ...(script.serviceLogin && { service: whole, serviceTransport: transportOf(queues.serviceLogin) }),
    transport: transportOf(queues.login),
    clock,
    random,
  })
  const services = () => sent.filter(({ url }) => !url.endsWith('/auth/tokens'))
  return { session, clock, sent, services, cinder: session.client('block-storage') }
}

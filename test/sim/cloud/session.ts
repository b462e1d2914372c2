import { Secret } from '#src/core/secret.ts'
import type { CloudCredentials, LoginScope } from '#src/openstack/keystone/credentials.ts'
import { CloudSession } from '#src/openstack/session.ts'
import { SimCloud } from '#src/sim/cloud/cloud.ts'
import { AUTH_URL } from '#src/sim/cloud/places.ts'
import type { World } from '#src/sim/world.ts'

const domain = { name: 'Default' }

function credentialsOf(cloud: SimCloud, user: string, project: string): CloudCredentials {
  const password = [...cloud.state.users.values()].find(({ name }) => name === user)?.password ?? ''
  const scope: LoginScope = { type: 'project', project: { name: project, domain } }
  return {
    authUrl: AUTH_URL,
    method: {
      type: 'password',
      user: { name: user, domain },
      password: new Secret(new TextEncoder().encode(password)),
    },
    scope,
    interface: 'public',
    tls: {},
    endpoints: {},
  }
}

export interface SessionOptions {
  readonly user?: string
  readonly project?: string
  /** Undefined: without a service token. */
  readonly service?: string | undefined
}

/** Logged in to the world's cloud as one process is: `demo`, with the service user `nova`, unless told. */
export function sessionOn(world: World, options: SessionOptions = {}): CloudSession {
  const { user = 'demo', project = user, service = 'nova' } = options
  const cloud = new SimCloud(world)
  const { clock, random } = world
  return new CloudSession({
    transport: cloud.transport(),
    clock,
    random,
    credentials: credentialsOf(cloud, user, project),
    service: 'service' in options && service === undefined ? undefined : credentialsOf(cloud, service, 'service'),
  })
}

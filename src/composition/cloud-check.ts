import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { asHoldfastError } from '#src/core/error.ts'
import type { CloudStatus, HostAbility } from '#src/holdfast.ts'
import type { Host } from '#src/host/host.ts'
import type { KeyManager } from '#src/keys/key-manager.ts'
import type { VolumeService } from '#src/volumes/volume-service.ts'
import type { CloudLogin } from './cloud-session.ts'

export interface CloudCheckNeeds {
  readonly host: Host
  readonly config: HoldfastConfig
  readonly name: string
  readonly login: CloudLogin
  readonly volumes: VolumeService
  readonly keys: Pick<KeyManager, 'list'>
}

/** Logs in and asks for what each feature needs. Nothing is changed there; what does not answer is told, not thrown. */
export async function checkCloud(needs: CloudCheckNeeds, signal?: AbortSignal): Promise<CloudStatus> {
  const { login, name } = needs
  const { credentials, session } = login
  const token = await session.token(signal)
  const features = await Promise.all([
    blockStorage(needs, signal),
    attachments(needs, signal),
    serviceToken(needs, signal),
    keyManager(needs, signal),
  ])
  return {
    name,
    authUrl: credentials.authUrl,
    userId: token.userId,
    projectId: token.projectId,
    roles: token.roles,
    region: credentials.region,
    tokenExpiresAt: new Date(token.expiresAt).toISOString(),
    features: [
      { name: 'login', available: true, detail: `${token.userName} in ${token.projectName ?? 'no project'}` },
      ...features,
    ],
  }
}

type Feature = Omit<HostAbility, 'name'>

async function feature(name: string, look: () => Promise<Feature>): Promise<HostAbility> {
  try {
    return { name, ...(await look()) }
  } catch (error) {
    const { message, details } = asHoldfastError(error)
    return { name, available: false, detail: message, hint: details.hint }
  }
}

const blockStorage = ({ login, volumes }: CloudCheckNeeds, signal?: AbortSignal): Promise<HostAbility> =>
  feature('block storage', async () => {
    const client = login.session.client('block-storage')
    const { minimum, maximum } = await client.version(signal)
    // A look at the project: may this user do anything at all there?
    await volumes.getAbsoluteLimits(signal)
    return { available: true, detail: `Cinder ${minimum} to ${maximum} at ${await client.endpoint(signal)}` }
  })

const attachments = ({ volumes, config }: CloudCheckNeeds, signal?: AbortSignal): Promise<HostAbility> =>
  feature('attachments', async () => {
    const generation = await volumes.generation(signal)
    if (generation === 'attachments') return { available: true, detail: 'by the attachments resource (3.44)' }
    const why = config.cloud.attachments === 'legacy' ? 'as configured' : 'the server has no attachments at 3.44'
    return { available: true, detail: `by reserve, initialize and attach: ${why}` }
  })

const serviceToken = ({ login, volumes }: CloudCheckNeeds, signal?: AbortSignal): Promise<HostAbility> =>
  feature('service token', async () => {
    if (!login.service) {
      return {
        available: false,
        detail: 'no service user is configured; Cinder answers 409 when a volume in use is detached',
        hint: "configure service_user with a user of the role 'service'",
      }
    }
    const token = await login.session.serviceToken(signal)
    const roles = token?.roles.join(', ') ?? ''
    // Sent with every request; one that is not accepted is a 401.
    await volumes.getAbsoluteLimits(signal)
    if (token?.roles.includes('service'))
      return { available: true, detail: `${token.userName} with the roles ${roles}` }
    return {
      available: false,
      detail: `${token?.userName} has the roles ${roles}, and not 'service'`,
      hint: "give the service user the role 'service' (Cinder's service_token_roles)",
    }
  })

const keyManager = ({ config, keys }: CloudCheckNeeds, signal?: AbortSignal): Promise<HostAbility> =>
  feature('key manager', async () => {
    const backend = config.keys.backend === 'vault' ? 'Vault' : 'Barbican'
    const { length } = await keys.list(signal)
    const fixed = config.keys.fixedKeyFile === undefined ? '' : ', and the fixed key'
    return { available: true, detail: `${backend} shows ${length} keys of this project${fixed}` }
  })

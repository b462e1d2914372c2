import { homedir } from 'node:os'
import type { LoginConfig } from '#src/config/cloud-config.ts'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Host } from '#src/host/host.ts'
import { UndiciTransport } from '#src/http/undici-transport.ts'
import { readKeyFile } from '#src/keys/key-file.ts'
import { type CloudEntry, credentialsOf } from '#src/openstack/clouds/entry.ts'
import { loadCloud } from '#src/openstack/clouds/load-cloud.ts'
import { tlsOf } from '#src/openstack/clouds/tls-files.ts'
import type { CloudCredentials } from '#src/openstack/keystone/credentials.ts'
import { type CloudSession, openCloud } from '#src/openstack/session.ts'
import type { RequestNote } from '#src/openstack/wire.ts'

export interface CloudLogin {
  readonly session: CloudSession
  readonly credentials: CloudCredentials
  /** Who vouches for us; undefined: no service user is configured. */
  readonly service: CloudCredentials | undefined
}

export interface SessionNeeds {
  readonly mode: 'read' | 'write'
  readonly host: Host
  readonly config: HoldfastConfig
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly onNote: (note: string) => void
  readonly onClose: (closer: () => Promise<void>) => void
}

const NO_SERVICE_USER =
  'no service user is configured: Cinder may refuse to detach volumes that are in use (see holdfast cloud check)'

/** A session at this cloud; nothing is sent yet. */
export async function openSession(needs: SessionNeeds, name: string): Promise<CloudLogin> {
  const { host, onClose } = needs
  const credentials = await credentialsFor(needs, name)
  const service = await serviceCredentials(needs, credentials)
  if (!service && needs.mode === 'write') needs.onNote(NO_SERVICE_USER)
  const transport = new UndiciTransport(credentials.tls)
  const serviceTransport = service && new UndiciTransport(service.tls)
  const { clock, random } = host
  const onRequest = needs.environment.HOLDFAST_DEBUG ? (note: RequestNote) => needs.onNote(told(note)) : undefined
  const session = openCloud({ credentials, service, transport, serviceTransport, clock, random, onRequest })
  onClose(() => session.close())
  return { session, credentials, service }
}

/** `GET https://… 200 in 31 ms (req-…)` */
const told = ({ method, url, status, ms, requestId }: RequestNote): string =>
  `${method} ${url} ${status ?? 'no reply'} in ${Math.round(ms)} ms${requestId === undefined ? '' : ` (${requestId})`}`

/** Holdfast's own configuration for the cloud that it names, else `clouds.yaml` or the environment. */
async function credentialsFor(needs: SessionNeeds, name: string): Promise<CloudCredentials> {
  const { config } = needs
  const { cloud } = config
  const own = cloud.name === name && cloud.login !== undefined
  const found = own
    ? credentialsOf(await ownEntry(needs, 'cloud', cloud.login), await ownTls(needs))
    : await fromFile(needs, name)
  return withEndpoints(config, found)
}

async function serviceCredentials(needs: SessionNeeds, user: CloudCredentials): Promise<CloudCredentials | undefined> {
  const { cloud, login } = needs.config.serviceUser
  if (cloud !== undefined) return await fromFile(needs, cloud)
  if (login === undefined) return undefined
  return credentialsOf(await ownEntry(needs, 'service_user', login), user.tls)
}

async function fromFile(
  { host, config, environment, onNote }: SessionNeeds,
  cloudName: string,
): Promise<CloudCredentials> {
  const { credentials, warnings } = await loadCloud({
    host,
    environment,
    workingDirectory: process.cwd(),
    homeDirectory: homedir(),
    cloudName,
    file: config.cloud.cloudsFile,
  })
  for (const warning of warnings) onNote(warning)
  return credentials
}

/** What is configured beside a login holds for every cloud. */
function withEndpoints({ cloud }: HoldfastConfig, credentials: CloudCredentials): CloudCredentials {
  const { blockStorageEndpoint, keyManagerEndpoint, region } = cloud
  return {
    ...credentials,
    region: region ?? credentials.region,
    endpoints: {
      ...credentials.endpoints,
      ...(blockStorageEndpoint !== undefined && { 'block-storage': blockStorageEndpoint }),
      ...(keyManagerEndpoint !== undefined && { 'key-manager': keyManagerEndpoint }),
    },
  }
}

const ownTls = async ({ config: { cloud }, host }: SessionNeeds) =>
  await tlsOf(host, {
    where: 'the configuration of the cloud',
    auth: {},
    settings: withoutUndefined({
      cacert: cloud.caFile,
      cert: cloud.certificateFile,
      key: cloud.keyFile,
      insecure: String(cloud.insecure),
    }),
  })

/** A login of our own configuration in the words of `clouds.yaml`; its secret is read from its file. */
async function ownEntry(
  { host, config }: SessionNeeds,
  section: 'cloud' | 'service_user',
  login: LoginConfig,
): Promise<CloudEntry> {
  const where = `'${section}' of the configuration`
  return {
    where,
    auth: withoutUndefined({
      auth_url: login.authUrl,
      username: login.username,
      user_id: login.userId,
      user_domain_name: login.userDomainName,
      project_name: login.projectName,
      project_id: login.projectId,
      project_domain_name: login.projectDomainName,
      application_credential_id: login.applicationCredentialId,
      password: await secretIn(host, where, login.passwordFile),
      application_credential_secret: await secretIn(host, where, login.applicationCredentialSecretFile),
      token: await secretIn(host, where, login.tokenFile),
    }),
    settings: { auth_type: login.authType, interface: config.cloud.interface },
  }
}

async function secretIn(host: Host, where: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  using secret = await readKeyFile(host, { path, kind: 'given' }, `secret of ${where}`)
  if (secret) return new TextDecoder().decode(secret.reveal()).replace(/\r?\n$/, '')
  throw new HoldfastError('invalid-input', 'config-invalid', `${where}: there is no file ${path}`)
}

const withoutUndefined = (values: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))

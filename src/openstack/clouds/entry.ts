import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { TlsSettings } from '#src/http/undici-transport.ts'
import type {
  CloudCredentials,
  DomainRef,
  EndpointInterface,
  LoginMethod,
  LoginScope,
  NameInDomain,
} from '../keystone/credentials.ts'

/**
 * One cloud as `clouds.yaml` writes it (openstacksdk, `config/loader.py`): plain words under the names of that file. The `OS_*`
 * variables and Holdfast's own configuration are brought into this form too.
 */
export interface CloudEntry {
  /** Where it is from, for complaints: `cloud 'prod' of /etc/openstack/clouds.yaml`. */
  readonly where: string
  /** Keys of `auth:` with `_` between words. */
  readonly auth: Readonly<Record<string, string>>
  /** The other keys. */
  readonly settings: Readonly<Record<string, string>>
}

const invalid = (where: string, what: string, hint?: string) =>
  new HoldfastError('invalid-input', 'cloud-invalid', `${where}: ${what}`, { details: { hint } })

/**
 * What the entry says, complete and checked.
 * @throws HoldfastError `cloud-invalid` naming everything that is missing
 */
export function credentialsOf(entry: CloudEntry, tls: TlsSettings): CloudCredentials {
  const { where, auth, settings } = entry
  if (settings.identity_api_version?.startsWith('2')) throw invalid(where, 'Identity v2 is no longer spoken')
  const method = methodOf(entry)
  return {
    authUrl: authUrlOf(where, auth.auth_url),
    method,
    scope: scopeOf(entry, method),
    region: settings.region_name,
    interface: interfaceOf(where, settings.interface ?? settings.endpoint_type),
    tls,
    endpoints: endpointsOf(settings),
  }
}

function authUrlOf(where: string, text: string | undefined): string {
  if (text === undefined) throw invalid(where, 'auth_url is missing', "it is Keystone's address")
  const url = URL.parse(text)
  if (url && (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '') return text
  throw invalid(where, `auth_url ${JSON.stringify(text.slice(0, 200))} is not an address like https://keystone:5000/v3`)
}

function methodOf({ where, auth, settings }: CloudEntry): LoginMethod {
  const type = settings.auth_type ?? guessType(auth)
  switch (type) {
    case 'password':
    case 'v3password':
      return {
        type: 'password',
        user: userOf(where, auth, 'to log in with a password'),
        password: secret(where, auth, 'password'),
      }
    case 'v3applicationcredential': {
      const id = auth.application_credential_id
      const name = auth.application_credential_name
      if (id === undefined && name === undefined) throw invalid(where, 'application_credential_id is missing')
      return {
        type: 'application-credential',
        id,
        name,
        user: id === undefined ? userOf(where, auth, 'for an application credential by name') : undefined,
        secret: secret(where, auth, 'application_credential_secret'),
      }
    }
    case 'token':
    case 'v3token':
      return { type: 'token', token: secret(where, auth, 'token') }
    default:
      throw invalid(where, `auth_type '${type}' is not supported`, 'use password, v3applicationcredential or v3token')
  }
}

function guessType(auth: CloudEntry['auth']): string {
  if (auth.application_credential_id ?? auth.application_credential_secret) return 'v3applicationcredential'
  return auth.token !== undefined && auth.password === undefined ? 'v3token' : 'password'
}

function secret(where: string, auth: CloudEntry['auth'], key: string): Secret {
  const value = auth[key]
  if (value !== undefined && value !== '') return new Secret(new TextEncoder().encode(value))
  throw invalid(where, `${key} is missing`, 'it may stand in a secure.yaml beside clouds.yaml')
}

function userOf(where: string, auth: CloudEntry['auth'], why: string): NameInDomain {
  const id = auth.user_id
  const name = auth.username ?? auth.user_name
  if (id !== undefined) return { id }
  if (name === undefined) throw invalid(where, `username is missing ${why}`)
  return { name, domain: domainOf(where, auth, 'user') }
}

function domainOf(where: string, auth: CloudEntry['auth'], whose: 'user' | 'project'): DomainRef {
  const id = auth[`${whose}_domain_id`] ?? auth.default_domain_id
  const name = auth[`${whose}_domain_name`] ?? auth.default_domain_name ?? auth.default_domain
  if (id !== undefined) return { id }
  if (name !== undefined) return { name }
  throw invalid(where, `${whose}_domain_name is missing`, "it is often 'Default'")
}

/** An application credential and a token have their scope already. */
function scopeOf({ where, auth }: CloudEntry, method: LoginMethod): LoginScope {
  if (method.type === 'application-credential') return { type: 'none' }
  if (auth.system_scope !== undefined) return { type: 'system' }
  const id = auth.project_id ?? auth.tenant_id
  const name = auth.project_name ?? auth.tenant_name
  if (id !== undefined) return { type: 'project', project: { id } }
  if (name !== undefined) return { type: 'project', project: { name, domain: domainOf(where, auth, 'project') } }
  if (auth.domain_id !== undefined) return { type: 'domain', domain: { id: auth.domain_id } }
  if (auth.domain_name !== undefined) return { type: 'domain', domain: { name: auth.domain_name } }
  return { type: 'none' }
}

const INTERFACES: readonly EndpointInterface[] = ['public', 'internal', 'admin']

function interfaceOf(where: string, text = 'public'): EndpointInterface {
  const found = INTERFACES.find(one => one === text.replace(/URL$/, ''))
  if (found) return found
  throw invalid(where, `interface '${text}' is not one of ${INTERFACES.join(', ')}`)
}

/** `block_storage_endpoint_override` and `volume_endpoint_override`, by official service type. */
const OVERRIDES: Readonly<Record<string, string>> = {
  block_storage: 'block-storage',
  volumev3: 'block-storage',
  volume: 'block-storage',
  key_manager: 'key-manager',
}

function endpointsOf(settings: CloudEntry['settings']): Readonly<Record<string, string>> {
  const found = Object.entries(settings).flatMap(([key, value]) => {
    const type = OVERRIDES[/^(.*)_endpoint(_override)?$/.exec(key)?.[1] ?? '']
    return type === undefined ? [] : [[type, value] as const]
  })
  return Object.fromEntries(found)
}

import type { TlsSettings } from '#src/http/undici-transport.ts'
import type { CloudCredentials, EndpointInterface, LoginMethod, LoginScope } from '../keystone/credentials.ts'
import type { CloudEntry } from './cloud-entry.ts'
import { EntryReader } from './entry-reader.ts'

export type { CloudEntry } from './cloud-entry.ts'

/**
 * What the entry says, complete and checked.
 * @throws HoldfastError `cloud-invalid` naming everything that is missing or wrong
 */
export function credentialsOf(entry: CloudEntry, tls: TlsSettings): CloudCredentials {
  const { settings } = entry
  const reader = new EntryReader(entry)
  if (settings.identity_api_version?.startsWith('2')) reader.wrong('Identity v2 is no longer spoken')
  const authUrl = authUrlOf(reader)
  const method = methodOf(reader)
  const credentials: CloudCredentials = {
    authUrl,
    method,
    scope: scopeOf(reader, method),
    region: settings.region_name,
    interface: interfaceOf(reader, settings.interface ?? settings.endpoint_type),
    tls,
    endpoints: byService(settings, /^(.*)_endpoint(?:_override)?$/),
    serviceNames: byService(settings, /^(.*)_service_name$/),
  }
  reader.done()
  return credentials
}

function authUrlOf(reader: EntryReader): string {
  const text = reader.get('auth_url')
  if (text === undefined) {
    reader.wrong('auth_url is missing', "auth_url is Keystone's address")
    return ''
  }
  const url = URL.parse(text)
  // Not shown: it may hold a password.
  if (text.includes('@')) reader.wrong('auth_url has a user or password in it', 'give username and password instead')
  else if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    reader.wrong(`auth_url ${JSON.stringify(text.slice(0, 200))} is not an address like https://keystone:5000/v3`)
  }
  return text
}

function methodOf(reader: EntryReader): LoginMethod {
  const type = reader.entry.settings.auth_type ?? guessType(reader)
  switch (type) {
    case 'v3applicationcredential':
      return applicationCredential(reader)
    case 'token':
    case 'v3token':
      return { type: 'token', token: reader.secret('token') }
    case 'password':
    case 'v3password':
      break
    default:
      reader.wrong(`auth_type '${type}' is not supported`, 'use password, v3applicationcredential or v3token')
      reader.done()
  }
  return { type: 'password', user: reader.user(), password: reader.secret('password') }
}

function applicationCredential(reader: EntryReader): LoginMethod {
  const id = reader.get('application_credential_id')
  const name = reader.get('application_credential_name')
  if (id === undefined && name === undefined) reader.wrong('application_credential_id is missing (or its name)')
  return {
    type: 'application-credential',
    id,
    name,
    user: id === undefined && name !== undefined ? reader.user() : undefined,
    secret: reader.secret('application_credential_secret'),
  }
}

function guessType(reader: EntryReader): string {
  const application = ['application_credential_id', 'application_credential_name', 'application_credential_secret']
  if (reader.get(...application) !== undefined) return 'v3applicationcredential'
  return reader.get('token') !== undefined && reader.get('password') === undefined ? 'v3token' : 'password'
}

/** An application credential has its scope already; a token may be taken to another. */
function scopeOf(reader: EntryReader, method: LoginMethod): LoginScope {
  if (method.type === 'application-credential') return { type: 'none' }
  const system = reader.get('system_scope')
  if (system !== undefined && system !== 'all') reader.wrong(`system_scope '${system}' is not 'all'`)
  if (system !== undefined) return { type: 'system' }
  const id = reader.get('project_id', 'tenant_id')
  if (id !== undefined) return { type: 'project', project: { id } }
  const name = reader.get('project_name', 'tenant_name')
  if (name !== undefined) return { type: 'project', project: { name, domain: reader.domain('project') } }
  const [domainId, domainName] = [reader.get('domain_id'), reader.get('domain_name')]
  if (domainId !== undefined) return { type: 'domain', domain: { id: domainId } }
  return domainName === undefined ? { type: 'none' } : { type: 'domain', domain: { name: domainName } }
}

const INTERFACES: readonly EndpointInterface[] = ['public', 'internal', 'admin']

function interfaceOf(reader: EntryReader, text = 'public'): EndpointInterface {
  const found = INTERFACES.find(one => one === text.replace(/URL$/, ''))
  if (!found) reader.wrong(`interface '${text}' is not one of ${INTERFACES.join(', ')}`)
  return found ?? 'public'
}

/** What stands before `_endpoint_override` and its like, as the official service type. */
const SERVICES: Readonly<Record<string, string>> = {
  block_storage: 'block-storage',
  volumev3: 'block-storage',
  volume: 'block-storage',
  key_manager: 'key-manager',
}

/** Of several keys for one service the one by its official name counts. */
function byService(settings: CloudEntry['settings'], pattern: RegExp): Readonly<Record<string, string>> {
  const given = new Map(Object.entries(settings).map(([key, value]) => [pattern.exec(key)?.[1], value]))
  const found = Object.entries(SERVICES).flatMap(([word, type]) => {
    const value = given.get(word)
    return value === undefined ? [] : [[type, value] as const]
  })
  return Object.fromEntries(found.toReversed())
}

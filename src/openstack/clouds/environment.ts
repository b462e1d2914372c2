import type { CloudEntry } from './cloud-entry.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Name by which the `OS_*` variables are a cloud (openstacksdk). */
export const ENVIRONMENT_CLOUD = 'envvars'

const SETTINGS: ReadonlySet<string> = new Set([
  'auth_type',
  'region_name',
  'interface',
  'endpoint_type',
  'identity_api_version',
  'cacert',
  'cert',
  'key',
  'insecure',
])

/** Not part of a login. */
const OTHERS: ReadonlySet<string> = new Set(['cloud', 'client_config_file', 'client_secure_file'])

/** The `OS_*` variables as an entry; empty ones count as unset. Undefined if there is no `OS_AUTH_URL`. */
export function environmentEntry(environment: Environment): CloudEntry | undefined {
  const auth: Record<string, string> = {}
  const settings: Record<string, string> = {}
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('OS_') || value === undefined || value === '') continue
    const key = variable.slice(3).toLowerCase()
    if (OTHERS.has(key)) continue
    if (SETTINGS.has(key) || /_(endpoint(_override)?|service_name)$/.test(key)) settings[key] = value
    else auth[key] = value
  }
  return auth.auth_url === undefined ? undefined : { where: 'the OS_* variables', auth, settings }
}

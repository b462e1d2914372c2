import { HoldfastError } from '#src/core/error.ts'
import { array, malformed, object, optionalText, text } from './fields.ts'
import { isServiceError, type ServiceVersion } from './service-client.ts'

/** The unversioned root: the endpoint up to the last `v1`, `v2` or `v3` of its path. */
export function rootOf(endpoint: string): string {
  const at = [...endpoint.matchAll(/\/v[123](?=\/|$)/g)].at(-1)?.index
  return at === undefined ? endpoint : endpoint.slice(0, at)
}

/** Major version that is spoken, by service. */
const MAJOR: Readonly<Record<string, string>> = { 'block-storage': 'v3', 'key-manager': 'v1' }

/**
 * What a service's root tells of the version that is spoken.
 * @throws HoldfastError `service-version-unsupported`, `reply-malformed`
 */
export function parseVersion(serviceType: string, body: unknown, where: string): ServiceVersion {
  const { versions } = object(body, where)
  // Barbican and Keystone have the list one step further in.
  const list = Array.isArray(versions) ? versions : object(versions, `${where}: versions`).values
  const entries = array(list, `${where}: versions`).map(entry => object(entry, `${where}: a version`))
  const major = MAJOR[serviceType]
  const found = entries.find(({ id }) => major === undefined || (typeof id === 'string' && id.split('.')[0] === major))
  if (!found) {
    const there = entries.map(({ id }) => optionalText(id) ?? '?').join(', ') || 'none'
    throw new HoldfastError(
      'unsupported',
      'service-version-unsupported',
      `${serviceType} speaks ${there}, but not ${major}`,
      {
        details: { command: where, hint: `an endpoint of ${major} is needed` },
      },
    )
  }
  return {
    id: text(found.id, `${where}: id`),
    minimum: microversion(found.min_version, `${where}: min_version`),
    maximum: microversion(found.version ?? found.max_version, `${where}: version`),
  }
}

/** Empty where the service has none. */
function microversion(value: unknown, where: string): string {
  if (value === undefined || value === null || value === '') return ''
  if (typeof value === 'string' && /^\d{1,4}\.\d{1,4}$/.test(value)) return value
  throw malformed(where, 'a version such as 3.70')
}

/**
 * Why a service's root told no versions. A status says nothing of the service's resources, so none is passed on that could be taken
 * for one of them that is not there.
 */
export function noVersions(serviceType: string, where: string, cause: unknown): unknown {
  if (!isServiceError(cause) || [401, 403].includes(cause.status) || cause.status >= 500) return cause
  return new HoldfastError(
    'unavailable',
    'versions-unknown',
    `${serviceType} does not tell its versions: ${cause.message}`,
    {
      cause,
      details: {
        ...cause.details,
        command: where,
        hint: 'is the endpoint of the catalog right, and its root let through?',
      },
    },
  )
}

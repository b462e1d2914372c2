import { HoldfastError } from '#src/core/error.ts'
import { array, object, optionalText, text } from './fields.ts'
import type { ServiceVersion } from './service-client.ts'

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
    minimum: optionalText(found.min_version) ?? '',
    maximum: optionalText(found.version) ?? optionalText(found.max_version) ?? '',
  }
}

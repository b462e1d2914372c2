import { HoldfastError } from '#src/core/error.ts'
import type { EndpointInterface } from './credentials.ts'

export interface CatalogService {
  readonly type: string
  readonly name?: string | undefined
  readonly endpoints: readonly CatalogEndpoint[]
}

export interface CatalogEndpoint {
  /** As the catalog has it: `public`, or `publicURL`. */
  readonly interface: string
  readonly region?: string | undefined
  readonly url: string
}

/** Official types with the names that catalogs have or had for them (service-types-authority). */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  'block-storage': ['block-storage', 'volumev3', 'block-store'],
  'key-manager': ['key-manager'],
}

/** Of versions that are no longer spoken. */
const OUTDATED: Readonly<Record<string, readonly string[]>> = { 'block-storage': ['volumev2', 'volume'] }

export interface EndpointWish {
  readonly serviceType: string
  readonly interface: EndpointInterface
  readonly region?: string | undefined
  /** Of several services of this type the one of this name. */
  readonly serviceName?: string | undefined
}

/**
 * Where a service is. Without a region there must be no choice: which region a volume is made in is not left to chance.
 * @throws HoldfastError `service-not-in-catalog`, `service-version-unsupported`, `region-not-chosen`
 */
export function findEndpoint(catalog: readonly CatalogService[], wish: EndpointWish): string {
  const types = ALIASES[wish.serviceType] ?? [wish.serviceType]
  const services = types.flatMap(type => catalog.filter(service => service.type === type && isNamed(service, wish)))
  const fitting = services.flatMap(({ endpoints }) => endpoints.filter(endpoint => fits(endpoint, wish)))
  const [first] = fitting
  if (!first) throw services.length > 0 ? notHere(services, wish) : notAtAll(catalog, wish)
  const elsewhere = fitting.find(({ region, url }) => region !== first.region && url !== first.url)
  if (elsewhere) throw regionNeeded(fitting, wish)
  return first.url
}

const isNamed = ({ name }: CatalogService, { serviceName }: EndpointWish): boolean =>
  serviceName === undefined || name === serviceName

const fits = (endpoint: CatalogEndpoint, wish: EndpointWish): boolean =>
  endpoint.interface.replace(/URL$/, '') === wish.interface &&
  (wish.region === undefined || endpoint.region === wish.region)

const wanted = ({ interface: face, region }: EndpointWish): string =>
  `interface '${face}'${region === undefined ? '' : ` in region '${region}'`}`

const named = ({ serviceType, serviceName }: EndpointWish): string =>
  `'${serviceType}'${serviceName === undefined ? '' : ` by the name '${serviceName}'`}`

function regionNeeded(fitting: readonly CatalogEndpoint[], wish: EndpointWish): HoldfastError {
  const regions = [...new Set(fitting.map(({ region }) => `'${region ?? '-'}'`))].sort()
  return new HoldfastError(
    'invalid-input',
    'region-not-chosen',
    `the catalog has ${named(wish)} in several regions, and none is chosen: ${regions.join(', ')}`,
    { details: { hint: 'give region_name in clouds.yaml, OS_REGION_NAME or cloud.region' } },
  )
}

function notHere(services: readonly CatalogService[], wish: EndpointWish): HoldfastError {
  const endpoints = services.flatMap(service => service.endpoints)
  const there = [...new Set(endpoints.map(one => `'${one.interface}' in '${one.region ?? '-'}'`))].sort()
  return new HoldfastError(
    'unavailable',
    'service-not-in-catalog',
    `the catalog has ${named(wish)}, but not with ${wanted(wish)}; it has ${there.join(', ') || 'no endpoint of it'}`,
    { details: { hint: 'choose another region_name or interface' } },
  )
}

function notAtAll(catalog: readonly CatalogService[], wish: EndpointWish): HoldfastError {
  const { serviceType } = wish
  const outdated = catalog.find(({ type }) => OUTDATED[serviceType]?.includes(type))
  if (outdated && wish.serviceName === undefined) {
    return new HoldfastError(
      'unsupported',
      'service-version-unsupported',
      `the catalog has only '${outdated.type}' of ${serviceType}, an API version that is no longer spoken`,
      { details: { hint: 'Cinder v3 is needed (OpenStack Mitaka and later); register its endpoint' } },
    )
  }
  const there = catalog.map(({ type, name }) => (name === undefined ? type : `${type} (${name})`)).sort()
  const hint =
    catalog.length === 0
      ? 'a login without a project has no catalog: give project_name or project_id'
      : `ask the operator of the cloud, or configure the endpoint of ${serviceType}`
  return new HoldfastError(
    'unavailable',
    'service-not-in-catalog',
    `the catalog has no ${named(wish)}; it has ${there.join(', ') || 'nothing'}`,
    { details: { hint } },
  )
}

/** Fills `%(name)s` and `$(name)s` in. @throws HoldfastError `endpoint-invalid` for one that is not known */
export function expandEndpoint(template: string, values: Readonly<Record<string, string | undefined>>): string {
  return template.replace(/[%$]\(([A-Za-z_]+)\)s/g, (_, name: string) => {
    const value = values[name]
    if (value !== undefined) return encodeURIComponent(value)
    throw new HoldfastError(
      'invalid-input',
      'endpoint-invalid',
      `the endpoint ${JSON.stringify(template)} asks for '${name}', which this login does not have`,
    )
  })
}

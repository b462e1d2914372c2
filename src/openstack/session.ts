import { HoldfastError } from '#src/core/error.ts'
import type { HttpTransport } from '#src/http/transport.ts'
import { CatalogClient, type LoggedIn, type RequestTokens } from './catalog-client.ts'
import { expandEndpoint, findEndpoint } from './keystone/catalog.ts'
import type { CloudCredentials } from './keystone/credentials.ts'
import { identityUrl } from './keystone/login.ts'
import type { Token } from './keystone/token.ts'
import { TokenSource } from './keystone/token-source.ts'
import type { ServiceClient } from './service-client.ts'
import type { Wire } from './wire.ts'

export interface CloudOptions extends Wire {
  readonly credentials: CloudCredentials
  /** Who vouches for us with a service token; undefined: nobody. */
  readonly service?: CloudCredentials | undefined
  /** Of the service user's Keystone, where it is another or trusts others; the same unless told. */
  readonly serviceTransport?: HttpTransport | undefined
}

/** A cloud that we are, or will be, logged in to. Nothing is sent before something is asked of it. */
export class CloudSession implements LoggedIn {
  readonly options: CloudOptions
  readonly #user: TokenSource
  readonly #service: TokenSource | undefined
  readonly #clients = new Map<string, ServiceClient>()

  constructor(options: CloudOptions) {
    this.options = options
    this.#user = new TokenSource(options, options.credentials)
    const transport = options.serviceTransport ?? options.transport
    this.#service = options.service && new TokenSource({ ...options, transport }, options.service)
  }

  /** `serviceType`: official, such as `block-storage`. */
  client(serviceType: string): ServiceClient {
    const known = this.#clients.get(serviceType)
    if (known) return known
    const client = new CatalogClient(this, serviceType)
    this.#clients.set(serviceType, client)
    return client
  }

  /** The token of the user, with what Keystone said of it. */
  async token(signal?: AbortSignal): Promise<Token> {
    return await this.#user.get(signal)
  }

  /**
   * Undefined if no service user is configured.
   * @throws HoldfastError `service-login-refused` (forbidden), or why else there is none: nothing is sent without the service token
   * that was asked for
   */
  async serviceToken(signal?: AbortSignal): Promise<Token | undefined> {
    try {
      return await this.#service?.get(signal)
    } catch (cause) {
      if (!(cause instanceof HoldfastError) || signal?.aborted) throw cause
      const isRefused = cause.code === 'login-refused'
      const hint = isRefused ? 'check the login of service_user' : cause.details.hint
      throw new HoldfastError(
        cause.kind,
        isRefused ? 'service-login-refused' : cause.code,
        `the service user: ${cause.message}`,
        { cause, details: { ...cause.details, hint } },
      )
    }
  }

  async tokens(signal?: AbortSignal): Promise<RequestTokens> {
    const [user, service] = await Promise.all([this.token(signal), this.serviceToken(signal)])
    return { user, service }
  }

  /** These were refused; true if others can be had. */
  renew({ user, service }: RequestTokens): boolean {
    this.#user.invalidate(user)
    if (service) this.#service?.invalidate(service)
    return this.#user.renewable || this.#service?.renewable === true
  }

  /** Where a service is, by configuration or catalog; without a slash at its end. */
  async endpoint(serviceType: string, signal?: AbortSignal): Promise<string> {
    const { credentials } = this.options
    const configured = credentials.endpoints[serviceType]
    if (serviceType === 'identity') return configured ?? identityUrl(credentials.authUrl)
    const token = await this.token(signal)
    const { projectId, userId } = token
    const found =
      configured ??
      findEndpoint(token.catalog, {
        serviceType,
        interface: credentials.interface,
        region: credentials.region,
        serviceName: credentials.serviceNames?.[serviceType],
      })
    const values = { project_id: projectId, tenant_id: projectId, user_id: userId }
    return expandEndpoint(found, values).replace(/\/+$/, '')
  }

  async close(): Promise<void> {
    this.#user.wipe()
    this.#service?.wipe()
    await this.options.transport.close()
    await this.options.serviceTransport?.close()
  }
}

export const openCloud = (options: CloudOptions): CloudSession => new CloudSession(options)

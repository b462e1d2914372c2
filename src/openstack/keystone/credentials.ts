import type { Secret } from '#src/core/secret.ts'
import type { TlsSettings } from '#src/http/undici-transport.ts'

/** A name needs its domain, an id does not. */
export interface DomainRef {
  readonly id?: string | undefined
  readonly name?: string | undefined
}

export interface NameInDomain {
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly domain?: DomainRef | undefined
}

export type LoginMethod =
  | { readonly type: 'password'; readonly user: NameInDomain; readonly password: Secret }
  | {
      readonly type: 'application-credential'
      readonly id?: string | undefined
      /** With `user`, instead of the id. */
      readonly name?: string | undefined
      readonly user?: NameInDomain | undefined
      readonly secret: Secret
    }
  | { readonly type: 'token'; readonly token: Secret }

export type LoginScope =
  | { readonly type: 'project'; readonly project: NameInDomain }
  | { readonly type: 'domain'; readonly domain: DomainRef }
  | { readonly type: 'system' }
  /** What the user has by default, or what the application credential is for. */
  | { readonly type: 'none' }

export type EndpointInterface = 'public' | 'internal' | 'admin'

/** All that is needed to speak to a cloud. Secrets print as `[secret]`. */
export interface CloudCredentials {
  /** Keystone's address, with or without `/v3`. */
  readonly authUrl: string
  readonly method: LoginMethod
  readonly scope: LoginScope
  readonly region?: string | undefined
  readonly interface: EndpointInterface
  readonly tls: TlsSettings
  /** By official service type, instead of the catalog's; `%(project_id)s` and its like are filled in. */
  readonly endpoints: Readonly<Record<string, string>>
  /** By official service type: which one of several of that type is meant, by its name in the catalog. */
  readonly serviceNames?: Readonly<Record<string, string>> | undefined
}

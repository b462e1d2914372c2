export interface Entry {
  /** The last is the one that is read; undefined: deleted. */
  versions: (Record<string, unknown> | undefined)[]
}

export interface Token {
  /** On the fake's clock; undefined: for ever. */
  end: number | undefined
  renewable: boolean
  /** Renewals reach no further than this. */
  readonly longest: number
  /** Paths that it may use, by their beginnings. */
  readonly allowed: readonly string[]
}

export interface Call {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

/** What the fake Vault holds. Times in milliseconds. */
export class FakeVaultState {
  now = 0
  namespace: string | undefined
  sealed = false
  readonly mounts = new Map<string, { readonly version: 1 | 2; readonly entries: Map<string, Entry> }>()
  readonly tokens = new Map<string, Token>()
  /** Secret id by role id. */
  readonly approles = new Map<string, string | undefined>()
  /** Token of the service account by role. */
  readonly jwtRoles = new Map<string, string>()
  /** Of a login's token. */
  leaseMs = 3_600_000
  longestMs = 36_000_000
  allowed: readonly string[] = ['']
  logins = 0
  renewals = 0
  readonly calls: Call[] = []
  /** Comes instead of the answer; `lost`: it is done, and the connection cut. */
  fault: ((call: Call) => Reply | 'lost' | undefined) | undefined

  newToken(): string {
    this.logins += 1
    const token = `hvs.${this.logins}.${'x'.repeat(20)}`
    const end = this.leaseMs === 0 ? undefined : this.now + this.leaseMs
    this.tokens.set(token, { end, renewable: true, longest: this.now + this.longestMs, allowed: this.allowed })
    return token
  }

  living(token: unknown): Token | undefined {
    const known = typeof token === 'string' ? this.tokens.get(token) : undefined
    return known && (known.end === undefined || this.now < known.end) ? known : undefined
  }

  entries(mount: string): Map<string, Entry> {
    const known = this.mounts.get(mount)
    if (!known) throw new Error(`the fake has no mount ${mount}`)
    return known.entries
  }
}

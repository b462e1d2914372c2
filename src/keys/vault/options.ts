import { HoldfastError } from '#src/core/error.ts'
import type { KeyFileSource } from '../key-file.ts'

/** How to log in. `mount`: where the method is enabled; its own name unless told. */
export type VaultAuth =
  /** Read whenever it is needed: whoever writes the file (Vault Agent) renews the token. */
  | { readonly method: 'token'; readonly file: KeyFileSource }
  | {
      readonly method: 'approle'
      readonly mount?: string | undefined
      readonly roleId: string
      /** Absent for a role that needs none. */
      readonly secretId?: KeyFileSource | undefined
    }
  /** `path`: the service account's token, readable to all in a pod; read at each login, for it is replaced in time. */
  | {
      readonly method: 'jwt' | 'kubernetes'
      readonly mount?: string | undefined
      readonly role: string
      readonly path: string
    }

export interface VaultOptions {
  /** `https://vault.example:8200`; certificates are the transport's matter. */
  readonly url: string
  readonly namespace?: string | undefined
  /** Of the KV secrets engine: `secret`. */
  readonly mount: string
  /** Folder below it: `cinder/keys`. */
  readonly path?: string | undefined
  /** Of the KV secrets engine. */
  readonly version: 1 | 2
  readonly auth: VaultAuth
  /** For one try of a request; 30 s unless told. */
  readonly deadlineMs?: number | undefined
}

/**
 * Parts of a path of Vault's API, encoded. A slash parts them; `.` and `..` are refused, and so are empty parts.
 * @throws HoldfastError `vault-path-invalid` (invalid-input)
 */
export function encodedPath(what: string, path: string): string {
  const parts = path.split('/')
  if (parts.every(part => part !== '' && part !== '.' && part !== '..')) return parts.map(encodeURIComponent).join('/')
  throw new HoldfastError('invalid-input', 'vault-path-invalid', `${what} '${path}' of Vault is not a path`, {
    details: { hint: 'leave out slashes at its beginning and end' },
  })
}

import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { array, object, optionalText, text } from '../fields.ts'
import type { CatalogService } from './catalog.ts'

/** A token with what Keystone says of it. */
export interface Token {
  readonly value: Secret
  /** By Keystone's clock, milliseconds since 1970. */
  readonly expiresAt: number
  /** How long it lives from when it was made, milliseconds; undefined where Keystone does not say when that was. */
  readonly lifeMs?: number | undefined
  readonly userId: string
  readonly userName: string
  readonly projectId?: string | undefined
  readonly projectName?: string | undefined
  readonly roles: readonly string[]
  readonly catalog: readonly CatalogService[]
}

/** @throws HoldfastError `reply-malformed` naming the field */
export function parseToken(value: string | undefined, body: unknown, where: string): Token {
  if (value === undefined || !/^[\x21-\x7e]{1,65536}$/.test(value)) {
    throw new HoldfastError('unavailable', 'reply-malformed', `${where}: the reply has no token`, {
      details: { hint: 'is auth_url the address of a Keystone?' },
    })
  }
  const token = object(object(body, where).token, `${where}: token`)
  const user = object(token.user, `${where}: user`)
  const expiresAt = time(text(token.expires_at, `${where}: expires_at`), where)
  const issuedAt = optionalText(token.issued_at)
  const project = token.project === undefined ? undefined : object(token.project, `${where}: project`)
  return {
    value: new Secret(new TextEncoder().encode(value)),
    expiresAt,
    lifeMs: issuedAt === undefined ? undefined : expiresAt - time(issuedAt, where),
    userId: text(user.id, `${where}: user.id`),
    userName: text(user.name, `${where}: user.name`),
    projectId: project && text(project.id, `${where}: project.id`),
    projectName: project && text(project.name, `${where}: project.name`),
    roles: array(token.roles ?? [], `${where}: roles`).map(role => text(object(role, where).name, `${where}: role`)),
    catalog: array(token.catalog ?? [], `${where}: catalog`).map(entry => parseService(entry, where)),
  }
}

function parseService(entry: unknown, where: string): CatalogService {
  const service = object(entry, `${where}: catalog`)
  return {
    type: text(service.type, `${where}: catalog type`),
    name: optionalText(service.name),
    endpoints: array(service.endpoints, `${where}: endpoints`).map(one => {
      const endpoint = object(one, `${where}: endpoint`)
      return {
        interface: text(endpoint.interface, `${where}: interface`),
        region: optionalText(endpoint.region_id) ?? optionalText(endpoint.region),
        url: text(endpoint.url, `${where}: url`),
      }
    }),
  }
}

function time(iso: string, where: string): number {
  const at = Date.parse(iso)
  if (!Number.isNaN(at)) return at
  throw new HoldfastError(
    'unavailable',
    'reply-malformed',
    `${where}: ${JSON.stringify(iso.slice(0, 60))} is not a time`,
  )
}

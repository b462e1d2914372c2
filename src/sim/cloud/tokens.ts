import { hash } from 'node:crypto'
import type { World } from '../world.ts'
import { type CloudReply, Refusal } from './exchange.ts'
import { AUTH_URL } from './places.ts'
import type { CloudState, CloudUser } from './state.ts'

/** Who asks, as a token says. */
export interface Caller {
  readonly user: CloudUser
  readonly projectId: string
  readonly roles: readonly string[]
  readonly methods: readonly string[]
  readonly issuedAt: number
  readonly expiresAt: number
  readonly auditIds: readonly string[]
}

interface Claims {
  readonly user: string
  readonly project: string
  readonly methods: readonly string[]
  readonly issued: number
  readonly expires: number
  readonly audit: readonly string[]
}

/** As Keystone's own (Fernet) a token is kept nowhere: it says itself who has it, and until when, signed. */
export function issueToken(
  { clock, random }: World,
  state: CloudState,
  who: Omit<Claims, 'issued' | 'expires' | 'audit'> & { readonly audit?: readonly string[] },
): string {
  const issued = Math.floor(clock.now() / 1000) * 1000
  const audit = [Buffer.from(random.bytes(16)).toString('base64url'), ...(who.audit ?? [])]
  const claims: Claims = { ...who, issued, expires: issued + state.settings.tokenMs, audit }
  const text = Buffer.from(JSON.stringify(claims)).toString('base64url')
  return `gAAAA${text}.${signed(state, text)}`
}

const signed = ({ tokenKey }: CloudState, text: string): string => hash('sha256', `${tokenKey} ${text}`, 'base64url')

export const tokenHash = (token: string): string => hash('sha256', token)

/** Undefined for a token that is no good: forged, expired, revoked, or of somebody who is gone. */
export function callerOf({ clock }: World, state: CloudState, token: string | undefined): Caller | undefined {
  if (token === undefined || !token.startsWith('gAAAA')) return undefined
  if (state.revoked.size > 0 && state.revoked.has(tokenHash(token))) return undefined
  const [text = '', signature] = token.slice('gAAAA'.length).split('.')
  if (signature !== signed(state, text)) return undefined
  const claims = JSON.parse(Buffer.from(text, 'base64url').toString()) as Claims
  const user = state.users.get(claims.user)
  const roles = user?.roles.get(claims.project) ?? []
  if (!user || clock.now() >= claims.expires) return undefined
  const { methods, audit: auditIds, issued: issuedAt, expires: expiresAt } = claims
  return { user, projectId: claims.project, roles, methods, issuedAt, expiresAt, auditIds }
}

const UNAUTHORIZED: CloudReply = {
  status: 401,
  headers: { 'www-authenticate': `Keystone uri="${AUTH_URL}"` },
  json: {
    error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
  },
}

export const unauthorized = (): Refusal => new Refusal(UNAUTHORIZED)

/**
 * Who asks, and whether a service asks on the user's behalf: as the services' own filter does (keystonemiddleware), a
 * service token that is no good, or whose user has no such role, is refused outright.
 */
export function authenticate(
  world: World,
  state: CloudState,
  headers: Readonly<Record<string, string>>,
): { readonly caller: Caller; readonly service: boolean } {
  const caller = callerOf(world, state, headers['x-auth-token'])
  if (!caller) throw unauthorized()
  const token = headers['x-service-token']
  if (token === undefined) return { caller, service: false }
  const roles = callerOf(world, state, token)?.roles ?? []
  if (!roles.some(role => state.settings.serviceTokenRoles.includes(role))) throw unauthorized()
  return { caller, service: true }
}

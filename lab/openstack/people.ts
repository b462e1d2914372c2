import { PASSWORDS } from './context.ts'

export interface Person {
  readonly name: string
  readonly password: string
  readonly project: string
  readonly roles: readonly string[]
}

const person = (name: string, project: string, ...roles: readonly string[]): Person => ({
  name,
  password: PASSWORDS.project,
  project,
  roles,
})

const service = (name: string): Person => ({
  name,
  password: PASSWORDS.service,
  project: 'service',
  roles: ['admin', 'service'],
})

export const ADMIN: Person = { name: 'admin', password: PASSWORDS.admin, project: 'admin', roles: ['admin'] }

/** Everybody but the administrator, who is there from the start. Role `creator` is Barbican's: it may make keys. */
export const PEOPLE: readonly Person[] = [
  person('demo', 'demo', 'member', 'creator'),
  person('demo-nokey', 'demo', 'member'),
  person('demo-reader', 'demo', 'reader'),
  person('alt', 'alt', 'member', 'creator'),
  person('small', 'small', 'member', 'creator'),
  service('nova'),
  service('cinder'),
  service('barbican'),
]

export const ROLES = [
  ...['admin', 'member', 'reader', 'service'],
  ...['creator', 'observer', 'audit', 'key-manager:service-admin'],
]
export const PROJECTS = ['service', 'demo', 'alt', 'small']

/** What project `small` may have. */
export const SMALL_QUOTA = { volumes: 2, gigabytes: 3, snapshots: 1 }

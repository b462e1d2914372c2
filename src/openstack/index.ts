/** OpenStack clouds as a library: logins, sessions, services. Volumes: `holdfast/openstack/cinder`. */

export { systemClock } from '#src/core/clock.ts'
export { HoldfastError } from '#src/core/error.ts'
export { systemRandom } from '#src/core/random.ts'
export { Secret } from '#src/core/secret.ts'
export { createNodeHost } from '#src/host/node-host.ts'
export type * from '#src/http/transport.ts'
export { type TlsSettings, UndiciTransport } from '#src/http/undici-transport.ts'
export { type CloudSources, type LoadedCloud, loadCloud } from './clouds/load-cloud.ts'
export type * from './keystone/credentials.ts'
export type { Token } from './keystone/token.ts'
export * from './service-client.ts'
export { type CloudOptions, CloudSession, openCloud } from './session.ts'

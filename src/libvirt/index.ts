export {
  type Caller,
  ConnectApi,
  type DomainCapabilitiesQuery,
  NodeApi,
} from './api-connect.ts'
export {
  type BlockCopyOptions,
  DomainApi,
  type DomainBlockInfo,
  type DomainBlockJob,
  type DomainStateAndReason,
} from './api-domain.ts'
export { SecretApi } from './api-secret.ts'
export { Libvirt } from './client.ts'
export * from './constants.ts'
export { ErrorCode, type ErrorCodeName, errorDomains } from './error-codes.ts'
export {
  type ConnectionErrorReason,
  isConnectionError,
  isLibvirtCode,
  isLibvirtError,
  LibvirtConnectionError,
  LibvirtError,
} from './errors.ts'
export type { ConnectionChange, ConnectionListener, EventListener, Subscription } from './event-hub.ts'
export type { CallOptions, LibvirtOptions } from './options.ts'
export type { Args, EventMessage, EventName, ProcedureName, Result } from './protocol.ts'
export {
  type KeptSecret,
  LibvirtSecrets,
  readSecretValue,
  type SecretFacts,
  type SecretPurpose,
  type Secrets,
  secretXml,
} from './secrets.ts'
export type { Domain, SecretRef, TypedParameter, TypedValue } from './types.ts'
export { XdrError } from './xdr.ts'

/** The Block Storage API v3 as a library: functions over a service client, for every resource that a compute host needs. */
export * from './attachments.ts'
export type { CallOptions } from './call.ts'
export type { ListOptions } from './paging.ts'
export * from './project.ts'
export type * from './records.ts'
export type {
  Connector,
  NewAttachment,
  NewSnapshot,
  NewTypeEncryption,
  NewVolume,
  NewVolumeType,
} from './requests.ts'
export * from './snapshots.ts'
export * from './types.ts'
export * from './volumes.ts'

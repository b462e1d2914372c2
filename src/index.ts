/** Holdfast as a library. Everything that can be done is on the object that `openHoldfast` gives. */

export { type OpenOptions, openHoldfast } from './composition/open-holdfast.ts'
export type { HoldfastConfig } from './config/holdfast-config.ts'
export { loadConfig } from './config/load-config.ts'
export { type ErrorDetails, type ErrorKind, HoldfastError, hasCode, isHoldfastError } from './core/error.ts'
export type * from './engine/api.ts'
export type * from './engine/host-api.ts'
export * as volumePlans from './engine/volume-plans.ts'
export type * from './holdfast.ts'
export type * from './volumes/volume-service.ts'

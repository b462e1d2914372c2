import type { Clock } from '#src/core/clock.ts'
import { type HoldfastError, hasCode } from '#src/core/error.ts'
import type { Random } from '#src/core/random.ts'
import { backOffMs } from '#src/http/back-off.ts'
import type { CallOptions } from '#src/openstack/cinder/index.ts'
import type { ServiceClient } from '#src/openstack/service-client.ts'
import { type Asked, failureOf, isRefusal, isUnsure, outcomeUnknown } from './failures.ts'
import type { CinderVolumeOptions } from './settings.ts'
import { atLeast, atMost, least } from './versions.ts'

/** What looking up shows of a request whose reply got lost. */
export type Found<T> =
  | { readonly is: 'done'; readonly value: T }
  /** It may be sent again. */
  | { readonly is: 'not-done' }
  /** Nothing tells; `look`: what a person could look at. */
  | { readonly is: 'unknown'; readonly look: string }

export const NOT_DONE = { is: 'not-done' } as const
export const done = <T>(value: T): Found<T> => ({ is: 'done', value })
export const DONE: Found<void> = { is: 'done', value: undefined }

/** A request that changes something. */
export interface Change<T> extends Asked {
  readonly send: (options: CallOptions) => Promise<T>
  /** Asked before it is sent again. */
  readonly look: (cause: unknown) => Promise<Found<T>>
  /** A 500 may pass, as of a backend that is busy: it is sent again then (Nova, `retry_if_exception` of these verbs). */
  readonly retry500?: boolean
  /** The backend works before the reply comes. */
  readonly waitsForBackend?: boolean
  /** The service may still be at it: so often it is looked, with pauses, before it counts as not done. */
  readonly looks?: number
  readonly microversion?: string | undefined
}

const TRIES = 5

/** Cinder, spoken to so that nothing is done twice because a reply got lost. */
export class Cinder {
  readonly client: ServiceClient
  readonly clock: Clock
  readonly random: Random
  readonly options: CinderVolumeOptions

  constructor(options: CinderVolumeOptions) {
    this.client = options.client
    this.clock = options.host.clock
    this.random = options.host.random
    this.options = options
  }

  /** Whether the service has this microversion, within what is configured. */
  async has(microversion: string, signal?: AbortSignal): Promise<boolean> {
    const { minimum, maximum } = await this.#version(signal)
    return maximum !== '' && atLeast(maximum, microversion) && atMost(minimum, microversion)
  }

  /** The newest of these that the service has; undefined: none, so the request goes without one. */
  async newestOf(microversions: readonly string[], signal?: AbortSignal): Promise<string | undefined> {
    const { minimum, maximum } = await this.#version(signal)
    if (maximum === '') return undefined
    return microversions.find(each => atLeast(maximum, each) && atMost(minimum, each))
  }

  async #version(signal: AbortSignal | undefined): Promise<{ minimum: string; maximum: string }> {
    const version = await this.#askVersion(signal)
    const { microversionCeiling: ceiling } = this.options
    if (ceiling === undefined || version.maximum === '') return version
    return { minimum: version.minimum, maximum: least(version.maximum, ceiling) }
  }

  /** A service that does not speak v3 has no microversions, and goes by the older generation of verbs. */
  async #askVersion(signal: AbortSignal | undefined): Promise<{ minimum: string; maximum: string }> {
    try {
      return await this.query({ what: 'find out the versions of the volume service' }, () =>
        this.client.version(signal),
      )
    } catch (error) {
      if (hasCode(error, 'service-version-unsupported')) return { minimum: '', maximum: '' }
      throw error
    }
  }

  queryOptions(signal: AbortSignal | undefined): CallOptions {
    return { deadlineMs: this.options.queryDeadlineMs ?? 60_000, signal }
  }

  /** What only looks: the client repeats it by itself. */
  async query<T>(asked: Asked, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw failureOf(error, asked)
    }
  }

  /**
   * What changes something: sent again only after a look has shown that it was not done.
   * @throws HoldfastError `outcome-unknown` (unavailable) if no look tells
   */
  async change<T>(change: Change<T>, signal?: AbortSignal): Promise<T> {
    const options = this.#changeOptions(change, signal)
    for (let attempt = 0; ; attempt++) {
      try {
        return await change.send(options)
      } catch (error) {
        if (!isUnsure(error, change.retry500) || isRefusal(error)) {
          // Refused now, perhaps because what got lost before was carried out after all.
          const found = attempt > 0 ? await this.#look(change, error) : NOT_DONE
          if (found.is === 'done') return found.value
          throw failureOf(error, change)
        }
        const found = await this.#lookAfter(change, attempt, error, signal)
        if (found.is === 'done') return found.value
        if (found.is === 'unknown') throw outcomeUnknown(change, found.look, error)
        if (attempt + 1 >= TRIES) throw failureOf(error, change)
      }
    }
  }

  #changeOptions({ waitsForBackend, microversion }: Change<unknown>, signal: AbortSignal | undefined): CallOptions {
    const { queryDeadlineMs = 60_000, attachmentDeadlineMs = 180_000 } = this.options
    return {
      deadlineMs: waitsForBackend ? attachmentDeadlineMs : queryDeadlineMs,
      idempotent: false,
      signal,
      ...(microversion !== undefined && { microversion }),
    }
  }

  async #lookAfter<T>(
    change: Change<T>,
    attempt: number,
    cause: unknown,
    signal: AbortSignal | undefined,
  ): Promise<Found<T>> {
    const looks = change.looks ?? 1
    for (let look = 1; ; look++) {
      await this.clock.sleep(backOffMs(this.random, attempt + look - 1), signal)
      const found = await this.#look(change, cause)
      if (found.is !== 'not-done' || look >= looks) return found
    }
  }

  /** A look that fails for want of an answer tells nothing, and neither does the first failure. */
  async #look<T>(change: Change<T>, cause: unknown): Promise<Found<T>> {
    try {
      return await change.look(cause)
    } catch (error) {
      const failure = failureOf(error, change) as HoldfastError
      if (failure.code !== 'volume-service-unavailable') throw failure
      return { is: 'unknown', look: `look at it when the volume service answers again: ${change.what}` }
    }
  }
}

import type { Clock } from './clock.ts'
import { HoldfastError } from './error.ts'

/**
 * Runs `work` with a signal that is aborted when `ms` have passed or when the caller's own signal is.
 * A deadline that struck becomes a `timeout` error that names `what`, even if `work` itself never settles.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  what: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const inner = new AbortController()
  const done = new AbortController()
  const onAbort = () => inner.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const struck = clock.sleep(ms, done.signal).then(
    () => {
      const error = new HoldfastError('timeout', 'timeout', `${what} did not finish within ${formatMs(ms)}`)
      inner.abort(error)
      throw error
    },
    () => new Promise<never>(() => {}),
  )
  const aborted = new Promise<never>((_, reject) =>
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true, signal: done.signal }),
  )
  try {
    return await Promise.race([work(inner.signal), struck, aborted])
  } finally {
    // With a reason of its own, for making the usual one costs more than all the rest.
    done.abort('done')
    signal?.removeEventListener('abort', onAbort)
  }
}

/** `850 ms`, `12 s`, `3 min`. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 100) / 10} s`
  return `${Math.round(ms / 6000) / 10} min`
}

import { HoldfastError, isHoldfastError } from '#src/core/error.ts'

/** Failures of the file system in the words of the port, for key managers that keep keys in files. */
export async function inWordsOfPort<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isHoldfastError(error) || !['forbidden', 'read-only', 'io-error'].includes(error.code)) throw error
    const [kind, code] =
      error.kind === 'forbidden'
        ? (['forbidden', 'key-forbidden'] as const)
        : (['unavailable', 'key-manager-unavailable'] as const)
    throw new HoldfastError(kind, code, error.message, { cause: error, details: error.details })
  }
}

import { hasCode, isHoldfastError } from '#src/core/error.ts'
import type { Host } from './host.ts'

/** For those who only tell what they see: undefined for what vanished meanwhile or may not be looked at. */
export async function seen<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking
  } catch (error) {
    if (
      hasCode(error, 'file-not-found') ||
      (isHoldfastError(error) && ['forbidden', 'host-command'].includes(error.kind))
    ) {
      return undefined
    }
    throw error
  }
}

/** A small file as text; empty if it cannot be seen. */
export const readText = async (host: Host, path: string): Promise<string> =>
  Buffer.from((await seen(host.files.read(path))) ?? []).toString()

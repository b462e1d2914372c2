import type { Cinder } from './cinder.ts'

/** States of volumes and snapshots in which Cinder is about to do something. */
const BUSY: ReadonlySet<string> = new Set([
  ...['creating', 'downloading', 'extending', 'deleting', 'managing', 'unmanaging', 'uploading', 'retyping'],
  ...['migrating', 'backing-up', 'restoring-backup', 'reverting', 'restoring', 'updating'],
])

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 5000

/** Looks again and again until it is at rest, for Cinder tells nobody; the caller's signal bounds that. */
export async function whenSettled<T extends { readonly status: string }>(
  { clock }: Cinder,
  look: () => Promise<T | undefined>,
  signal?: AbortSignal,
): Promise<T | undefined> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    const found = await look()
    if (!found || !BUSY.has(found.status)) return found
    await clock.sleep(pause, signal)
  }
}

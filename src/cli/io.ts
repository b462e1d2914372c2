import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import type { Clock } from '#src/core/clock.ts'
import type { Holdfast } from '#src/holdfast.ts'

export type OpenMode = 'read' | 'write'

export type OpenHoldfast = (
  config: HoldfastConfig,
  options: { readonly mode: OpenMode; readonly onNote?: (note: string) => void },
) => Promise<Holdfast>

/** Where text goes. `process.stdout` is one. */
export interface Sink {
  write(chunk: string | Uint8Array): unknown
  /** Of the terminal. */
  readonly columns?: number | undefined
}

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** All that the command line has of its surroundings, so that it can be tested without a process. */
export interface Io {
  readonly stdout: Sink
  readonly stderr: Sink
  /** What the user types; not there: nobody can be asked. */
  readonly stdin?: NodeJS.ReadableStream | undefined
  readonly isTty: { readonly stdin?: boolean; readonly stdout: boolean; readonly stderr: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly open: OpenHoldfast
  /** Effective user id; 0 unless told. */
  readonly uid?: number | undefined
  readonly workingDirectory?: string | undefined
  readonly clock?: Clock | undefined
  /** Calls back when the user or the system asks us to stop; gives a function that ends that. */
  readonly onStop?: ((handler: (signal: StopSignal) => void) => () => void) | undefined
  /** Aborted once nobody reads stdout any more. */
  readonly stdoutClosed?: AbortSignal | undefined
}

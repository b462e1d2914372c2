import type { RunOptions } from '#src/engine/api.ts'
import type { CliContext } from '../context.ts'

/** Signal and observer for what goes on with many instances side by side: each step says whose it is. */
export function runOnMany(context: CliContext): RunOptions {
  const { signal, observer } = context.run()
  return {
    signal,
    observer: progress => observer?.({ ...progress, title: `${progress.instance}: ${progress.title}` }),
  }
}

import { createInterface } from 'node:readline'
import { HoldfastError } from '#src/core/error.ts'
import type { CliContext } from './context.ts'

/** How often an answer that is neither yes nor no is asked about before it counts as no. */
const TIMES = 3

const ANSWERS: ReadonlyMap<string, boolean> = new Map([
  ['y', true],
  ['yes', true],
  ['n', false],
  ['no', false],
  ['', false],
])

type Asking = Pick<CliContext, 'io' | 'global' | 'signal' | 'progress'>

/** A person sits at a terminal and reads the question; with `--json` a program does. */
const canAsk = ({ io, global }: Asking): boolean =>
  io.stdin !== undefined && io.isTty.stdin === true && io.isTty.stderr && !global.json

/**
 * To be called before anything is touched by a command that asks.
 * @throws HoldfastError `not-confirmed` (invalid-input) if there is no `--yes` and nobody to ask
 */
export function requireConfirmable(context: Asking, { yes, verb }: { yes: boolean | undefined; verb: string }): void {
  if (yes || canAsk(context)) return
  const why = context.global.json ? 'with --json nobody is asked' : 'there is no terminal to ask on'
  throw new HoldfastError('invalid-input', 'not-confirmed', `${verb} asks before it changes anything, and ${why}`, {
    details: { hint: '--dry-run shows what would be done, --yes does it without asking' },
  })
}

/** Asks on stderr. An empty line, the end of the input and what is thrice neither yes nor no count as no. */
export async function confirm({ io, signal, progress }: Asking, question: string): Promise<boolean> {
  if (io.stdin === undefined) return false
  progress.settle()
  const lines = createInterface({ input: io.stdin, signal, terminal: false })
  const ask = () => io.stderr.write(`${question} [y/N] `)
  try {
    let asked = 1
    ask()
    for await (const line of lines) {
      const answer = ANSWERS.get(line.trim().toLowerCase())
      if (answer !== undefined) return answer
      if (asked++ === TIMES) return false
      io.stderr.write('yes or no?\n')
      ask()
    }
  } finally {
    lines.close()
  }
  signal.throwIfAborted()
  io.stderr.write('\n')
  return false
}

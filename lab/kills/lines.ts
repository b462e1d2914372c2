import { writeSync } from 'node:fs'
import type { Observer } from '#src/engine/api.ts'
import type { Host, HostFiles } from '#src/host/host.ts'
import type { Phase, Report, Strike } from './protocol.ts'

/** Below this fraction the life itself stops dead at its line, so that nothing of what follows has begun. */
const AT_ONCE = 0.15

/** One line of JSON on the serial line, out before anything else happens. */
export const tell = (report: Report): void => void writeSync(1, `${JSON.stringify(report)}\n`)

/** Tells of every effect right before it and right after it, so that a killer outside can strike at each. */
export class Lines {
  readonly #strike: Strike | undefined
  #phase: Phase | undefined
  #line = 0

  constructor(strike: Strike | undefined) {
    this.#strike = strike
  }

  begin(phase: Phase): void {
    this.#phase = phase
    this.#line = 0
    this.mark('begins')
  }

  end(): void {
    this.mark('ends')
    this.#phase = undefined
  }

  mark(what: string): void {
    const phase = this.#phase
    if (phase === undefined) return
    const line = ++this.#line
    tell({ tell: 'line', phase, line, what, ms: performance.now() })
    const { phase: at, line: number, fraction } = this.#strike ?? {}
    if (at === phase && number === line && (fraction ?? 1) < AT_ONCE) stopDead()
  }

  async around<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.mark(what)
    try {
      return await work()
    } finally {
      this.mark(`${what} came back`)
    }
  }

  /** Steps of an operation, which need no effect of the host's to be worth a strike: those of libvirt are not seen otherwise. */
  get observer(): Observer {
    return ({ title, outcome }) => this.mark(`step ${title}: ${outcome.state}`)
  }
}

/** Until the power is cut. Programs that were started go on meanwhile. */
function stopDead(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

const EFFECTS = [
  'writeAtomic',
  'createSparse',
  'truncate',
  'copySparse',
  'rename',
  'remove',
  'makeDirectory',
  'synced',
] as const

/** Programs that only look change nothing; a strike there is one between two effects. */
const LOOKS = new Set(['--list', 'table', 'info', 'isLuks', 'luksDump', 'ls', 'link', '-j', '-json'])

/** The same host; what changes it is told of. */
export function tellingHost(host: Host, lines: Lines): Host {
  const files: Record<string, unknown> = { ...host.files }
  for (const name of EFFECTS) {
    const verb = host.files[name].bind(host.files) as (...args: unknown[]) => Promise<unknown>
    files[name] = (...args: unknown[]) => lines.around(`${name} ${String(args[0])}`, () => verb(...args))
  }
  return {
    ...host,
    files: files as unknown as HostFiles,
    run: request => {
      const { tool, args } = request
      if (args.some(arg => LOOKS.has(arg))) return host.run(request)
      return lines.around(`${tool} ${args.filter(arg => !arg.startsWith('-')).join(' ')}`, () => host.run(request))
    },
  }
}

import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { runInUml, type UmlResult } from '../uml/uml.ts'
import { LIFE_VARIABLE, type Orders, type Report } from './protocol.ts'

const LIFE = fileURLToPath(new URL('./life.ts', import.meta.url))

export interface LifeRequest {
  readonly orders: Orders
  /** The file that is the guest's disk. */
  readonly disk: string
  /** `/results` in the guest: the image, and what Node keeps of its compiling. */
  readonly folder: string
  /** How long what follows the line of the strike took in the dry run, milliseconds. */
  readonly gapMs?: number
}

export interface Life {
  readonly reports: readonly Report[]
  readonly killed: boolean
  readonly guest: UmlResult
}

const MEMORY_MIB = { twin: 512, libvirt: 1536 } as const
const LIMIT_MS = { twin: 90_000, libvirt: 240_000 } as const

/**
 * Boots one guest on this disk and listens to it. At the line of the strike, or a fraction of what follows it later, the whole
 * guest is ended by SIGKILL: what it had not yet handed to its disk is gone. A strike that never comes falls at the end.
 */
export async function live(request: LifeRequest): Promise<Life> {
  const { orders, disk, folder } = request
  const { hypervisor } = orders
  const power = new AbortController()
  const reports: Report[] = []
  const listen = (report: Report) => {
    reports.push(report)
    const after = strikeAfter(report, request)
    if (after === 0) power.abort()
    else if (after !== undefined) setTimeout(() => power.abort(), after)
  }
  const guest = await runInUml({
    argv: [process.execPath, '--disable-warning=ExperimentalWarning', LIFE],
    env: { [LIFE_VARIABLE]: JSON.stringify(orders), NODE_COMPILE_CACHE: '/results/compiled' },
    memoryMib: MEMORY_MIB[hypervisor],
    modules: ['loop', 'dm-crypt'],
    udev: hypervisor === 'libvirt',
    disks: [disk],
    resultsDir: folder,
    timeoutMs: LIMIT_MS[hypervisor],
    signal: power.signal,
    live: { stdout: lines(listen), stderr: nowhere() },
  })
  return { reports, killed: power.signal.aborted, guest }
}

/** Milliseconds from this report until the power is cut; undefined: this is not the moment. */
function strikeAfter(report: Report, { orders: { strike }, gapMs = 0 }: LifeRequest): number | undefined {
  if (!strike) return undefined
  if (report.tell === 'line' && report.phase === strike.phase && report.line === strike.line) {
    return strike.fraction * gapMs
  }
  const isPast = report.tell === (strike.phase === 'recover' ? 'recovered' : 'done')
  return isPast ? 0 : undefined
}

/** Whole lines as they come; what a cut broke off is dropped, as nobody can know it. */
function lines(listen: (report: Report) => void): Writable {
  let rest = ''
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const parts = (rest + chunk.toString()).split('\n')
      rest = parts.pop() ?? ''
      for (const line of parts) if (line.startsWith('{')) listen(JSON.parse(line) as Report)
      done()
    },
  })
}

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })

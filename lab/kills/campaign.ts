import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findOnDisk } from './disk-scan.ts'
import { type Life, live } from './killer.ts'
import { type DryRun, describeKill, dryRunOf, type Kill } from './plan.ts'
import type { Hypervisor, Ledger, Orders } from './protocol.ts'

const run = promisify(execFile)

const DISK_BYTES = 16 * 2 ** 30
const IMAGE_BYTES = 4 * 2 ** 20

/** The disks of one campaign: a first one with everything on it, and copies of it that the power is cut on. */
export class Campaign implements AsyncDisposable {
  readonly #hypervisor: Hypervisor
  readonly #folder: string
  readonly #say: (line: string) => void
  /** Text in the image that volumes are made from, and through mappings: it may be nowhere on a disk. */
  readonly #marker = `plain-${randomBytes(6).toString('hex')}`
  #ledger: Ledger = { marker: this.#marker, marks: {}, headers: {} }
  #first: Ledger = this.#ledger

  private constructor(hypervisor: Hypervisor, folder: string, say: (line: string) => void) {
    this.#hypervisor = hypervisor
    this.#folder = folder
    this.#say = say
  }

  static async begin(hypervisor: Hypervisor, say: (line: string) => void): Promise<Campaign> {
    const campaign = new Campaign(hypervisor, await mkdtemp(join(tmpdir(), 'holdfast-kills-')), say)
    await campaign.#makeDisk()
    return campaign
  }

  get #base(): string {
    return join(this.#folder, 'base.img')
  }

  get #disk(): string {
    return join(this.#folder, 'disk.img')
  }

  async #makeDisk(): Promise<void> {
    await mkdir(join(this.#folder, 'results'))
    await writeFile(join(this.#folder, 'results/image.raw'), Buffer.alloc(IMAGE_BYTES, `${this.#marker} image `))
    await writeFile(this.#base, '')
    await truncate(this.#base, DISK_BYTES)
    const quick = ['-E', 'lazy_itable_init=1,lazy_journal_init=1']
    await run('mke2fs', ['-q', '-F', '-t', 'ext4', ...quick, this.#base])
    await this.#live({ disk: this.#base, orders: { setUp: true } })
    this.#first = this.#ledger
  }

  /** Runs all operations once, uncut, to learn at which lines there is something to strike at. */
  async dryRun(operations: readonly string[]): Promise<DryRun> {
    await this.#reset()
    const { reports } = await this.#live({ orders: { operations: operations.filter(name => name !== 'recover') } })
    return dryRunOf(reports)
  }

  async #reset(): Promise<void> {
    await rm(this.#disk, { force: true })
    // A copy of the data alone; `cp` finds the holes.
    await run('cp', ['--sparse=always', this.#base, this.#disk])
    this.#ledger = this.#first
  }

  /**
   * Lives on one disk, one after the other, each cut by its kill and its outcome checked by the next one; a last one only
   * checks. Gives all that was found wrong.
   */
  async chain(kills: readonly Kill[]): Promise<readonly string[]> {
    await this.#reset()
    const wrong: string[] = []
    let cut = 'boot'
    for (const kill of [...kills, undefined]) {
      const cuts = kill && {
        operations: kill.strike.phase === 'recover' ? [] : [kill.operation],
        strike: kill.strike,
      }
      const life = await this.#live({ orders: cuts ?? {}, gapMs: kill?.gapMs ?? 0 })
      const found = [...this.#wrongIn(life, kill), ...(await findOnDisk(this.#disk, this.#marker))]
      this.#say(`${cut}: ${toldBy(life)}`)
      for (const line of found) this.#say(`  WRONG ${line}`)
      wrong.push(...found.map(line => `after ${cut}: ${line}`))
      cut = kill ? `${describeKill(kill)}, ${struckAt(life)}` : ''
      if (found.length > 0) break
    }
    return wrong
  }

  #wrongIn({ reports, killed, guest }: Life, kill: Kill | undefined): readonly string[] {
    const failures = reports.flatMap(report => {
      if (report.tell === 'failed') return [report.why]
      return report.tell === 'checked' ? report.wrong : []
    })
    if (failures.length > 0 || (kill ? killed : guest.exitCode === 0)) return failures
    const said = guest.stderr.trim() || guest.console
    return [`the guest ended by itself, exit code ${guest.exitCode} (${guest.ended}): ${said}`]
  }

  async #live(given: { disk?: string; orders: Partial<Orders>; gapMs?: number }): Promise<Life> {
    const { disk = this.#disk, gapMs = 0 } = given
    const orders = {
      ...{ hypervisor: this.#hypervisor, ledger: this.#ledger, operations: [], setUp: false },
      ...given.orders,
    }
    const life = await live({ orders, disk, gapMs, folder: join(this.#folder, 'results') })
    this.#ledger = life.reports.reduce(noted, this.#ledger)
    if (!orders.strike && life.guest.exitCode !== 0 && !life.reports.some(({ tell }) => tell === 'checked')) {
      const why = life.reports.find(report => report.tell === 'failed')
      throw new Error(`a life without a cut failed: ${why?.why ?? ''}${life.guest.stderr}${life.guest.console}`)
    }
    return life
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}

function noted(ledger: Ledger, report: Life['reports'][number]): Ledger {
  switch (report.tell) {
    case 'mark':
      return { ...ledger, marks: { ...ledger.marks, [report.volumeId]: report.text } }
    case 'header':
      return { ...ledger, headers: { ...ledger.headers, [report.volumeId]: report.digest } }
    case 'begun':
      return { ...ledger, last: { name: report.operation, done: false } }
    case 'done':
      return { ...ledger, last: { name: report.operation, done: true } }
    default:
      return ledger
  }
}

function toldBy({ reports }: Life): string {
  const recovered = reports.find(report => report.tell === 'recovered')
  if (!recovered) return 'cut again before it was recovered'
  return `recovered in ${(recovered.ms / 1000).toFixed(1)} s: ${recovered.what}`
}

/** The last that was heard. */
function struckAt({ reports, guest }: Life): string {
  const last = reports.at(-1)
  if (last?.tell === 'line') return `cut after '${last.what}'`
  return last?.tell === 'done' || last?.tell === 'recovered'
    ? 'cut when it was done'
    : `cut at ${last?.tell} (${guest.ended})`
}

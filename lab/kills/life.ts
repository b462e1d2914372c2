import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, closeSync, cpSync, existsSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { createConnection } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { headerDigest, MARK_OFFSET, wrongAfter } from './checks.ts'
import { Lines, tell } from './lines.ts'
import { type Opened, openOnDisk } from './open.ts'
import { clearErrors, operationNamed, type Stage, setUp } from './operations.ts'
import { DISK, LIFE_VARIABLE, type Orders } from './protocol.ts'

/** One life of a host, from its boot until the power is cut: what the last life left is recovered and checked, then it goes on. */

async function live(orders: Orders): Promise<void> {
  mkdirSync(DISK, { recursive: true })
  execFileSync('mount', ['/dev/ubda', DISK])
  if (orders.hypervisor === 'libvirt') await startLibvirt()
  const lines = new Lines(orders.strike)
  const began = performance.now()
  lines.begin('recover')
  const holdfast = await openOnDisk(orders.hypervisor, lines)
  const stage = { holdfast, lines, noteHeader }
  if (orders.setUp) await setUp(stage)
  else await recover(stage, began, orders)
  const marks = new Marks(orders.ledger.marker)
  for (const name of orders.operations) await operate(stage, name, marks)
  if (orders.strike) await new Promise(() => setInterval(() => {}, 60_000))
  await holdfast.close()
  execFileSync('sync')
  tell({ tell: 'ended' })
}

/** Behind one function: what brings a host back after a boot. */
async function recover(stage: Stage, began: number, { ledger }: Orders): Promise<void> {
  const { holdfast, lines } = stage
  const { instances, operations } = await holdfast.host.resume({ observer: lines.observer })
  lines.end()
  const words = [
    ...holdfast.recovered.map(
      ({ kind, found, problem }) => `${kind} was ${found}${problem ? `: ${problem.message}` : ''}`,
    ),
    ...operations.map(({ operation }) => `${operation.kind} ${operation.state}`),
    ...instances.map(({ name, outcome }) => `${name} ${outcome}`),
  ]
  tell({ tell: 'recovered', ms: performance.now() - began, what: words.join(', ') })
  const at = performance.now()
  const wrong = await wrongAfter(stage, ledger)
  tell({ tell: 'checked', wrong, ms: performance.now() - at })
  await clearErrors(stage)
}

async function operate(stage: Stage, name: string, marks: Marks): Promise<void> {
  const operation = operationNamed(name)
  await operation.prepare(stage)
  await marks.write(stage.holdfast)
  tell({ tell: 'begun', operation: name })
  stage.lines.begin('operate')
  await operation.run(stage)
  stage.lines.end()
  tell({ tell: 'done', operation: name })
}

const noteHeader = async (volumeId: string): Promise<void> =>
  tell({ tell: 'header', volumeId, digest: await headerDigest(volumeId) })

/** What a guest would do: it writes through the mapping and syncs. */
class Marks {
  readonly #marker: string
  constructor(marker: string) {
    this.#marker = marker
  }

  async write({ store }: Opened): Promise<void> {
    for (const { volumeId } of await store.allMappings()) {
      const text = `${this.#marker} ${performance.timeOrigin + performance.now()} ${volumeId}`
      const device = openSync(`/dev/mapper/crypt-${volumeId}`, 'r+')
      writeSync(device, text, MARK_OFFSET, 'latin1')
      fsyncSync(device)
      closeSync(device)
      tell({ tell: 'mark', volumeId, text })
    }
  }
}

/** What libvirt keeps, capabilities of QEMU that took it half a minute to find too, lies on the disk. */
const KEPT = ['/etc/libvirt', '/var/lib/libvirt', '/var/cache/libvirt']

async function startLibvirt(): Promise<void> {
  for (const place of KEPT) {
    const kept = `${DISK}${place}`
    if (!existsSync(kept)) {
      cpSync(place, kept, { recursive: true })
      if (place === '/etc/libvirt') appendFileSync(`${kept}/qemu.conf`, '\nnamespaces = []\ncgroup_controllers = []\n')
    }
    mkdirSync(place, { recursive: true })
    execFileSync('mount', ['--bind', kept, place])
  }
  mkdirSync('/run/libvirt', { recursive: true })
  for (const daemon of ['virtlogd', 'libvirtd']) spawn(daemon, { stdio: 'ignore', detached: true }).unref()
  while (!(await accepts('/run/libvirt/libvirt-sock'))) await sleep(25)
}

const accepts = (path: string): Promise<boolean> =>
  new Promise(resolve => {
    const socket = createConnection({ path })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

try {
  await live(JSON.parse(process.env[LIFE_VARIABLE] ?? '') as Orders)
  process.exit(0)
} catch (error) {
  tell({ tell: 'failed', why: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  process.exit(1)
}

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('./libvirtd.sh', import.meta.url))
const READY_MS = 30_000
const RETRY_MS = 25

export interface PrivateLibvirtd {
  readonly socketPath: string
  /** Kills libvirtd alone, at once (SIGKILL); its guests live on, as they do on a host. */
  kill(): Promise<void>
  /** Starts libvirtd again after `kill` and waits until it takes connections. */
  start(): Promise<void>
  /** libvirtd does not run (SIGSTOP) until `thaw` or `kill`: calls get no answer. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Ends libvirtd, virtlogd and all guests. May be called more than once. */
  stop(): Promise<void>
}

/**
 * A libvirtd of our own, as root, with nothing of the host touched: own mount and PID namespaces, own state in memory,
 * configuration, sockets and logs under `dir` (an empty folder; its path must be short enough for a Unix socket).
 * Everything dies with `stop()` and with this process, however it ends.
 */
export async function startPrivateLibvirtd(options: { dir: string }): Promise<PrivateLibvirtd> {
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'unshare', ...namespaces, '--', SCRIPT, options.dir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const orders = new Orders(child)
  const socketPath = join(options.dir, 'run', 'libvirt-sock')
  const ready = () => waitForSocket(socketPath, () => orders.ended)
  try {
    await orders.answer('started')
    await ready()
  } catch (error) {
    await orders.stop()
    throw error
  }
  return {
    socketPath,
    kill: () => orders.give('kill'),
    async start() {
      await orders.give('start')
      await ready()
    },
    freeze: () => orders.give('freeze'),
    thaw: () => orders.give('thaw'),
    stop: () => orders.stop(),
  }
}

type Child = ChildProcessByStdio<Writable, Readable, null>

/** The script's orders and answers, one line each, one at a time. */
class Orders {
  readonly #child: Child
  readonly #lines: AsyncIterator<string>
  readonly #exited: Promise<unknown>

  constructor(child: Child) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    this.#exited = new Promise(resolve => child.once('exit', resolve).once('error', resolve))
    child.stdin.on('error', () => {})
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async give(order: string): Promise<void> {
    this.#child.stdin.write(`${order}\n`)
    await this.answer(`${order} done`)
  }

  async answer(expected: string): Promise<void> {
    const { value, done } = await this.#lines.next()
    if (done || value !== expected) throw new Error(`private libvirtd: ${done ? 'it ended' : value}`)
  }

  async stop(): Promise<void> {
    if (this.ended || this.#child.pid === undefined) return
    this.#child.stdin.end()
    await this.#exited
  }
}

async function waitForSocket(path: string, ended: () => boolean): Promise<void> {
  for (let waited = 0; waited < READY_MS; waited += RETRY_MS) {
    if (ended()) throw new Error('private libvirtd ended before it took connections')
    if (await accepts(path)) return
    await sleep(RETRY_MS)
  }
  throw new Error(`private libvirtd did not take connections at ${path} within ${READY_MS} ms`)
}

async function accepts(path: string): Promise<boolean> {
  const socket = createConnection({ path })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

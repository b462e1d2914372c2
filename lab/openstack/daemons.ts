import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, type ProcessId, type ProcessInfo, processesWith, processOf, signal } from './process-table.ts'

export interface Daemon {
  readonly name: string
  /** The program's absolute path, and its arguments. */
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What its configuration says; a daemon that runs with another one is started anew. */
  readonly configuration?: string
}

export interface DaemonsOptions {
  /** All records and logs lie below, and every process is marked with it. */
  readonly dir: string
  readonly env: Readonly<Record<string, string>>
}

interface Running extends ProcessId {
  /** Fingerprint of everything that it was started with. */
  readonly made: string
}

const POLL_MS = 40
const PORT_LIMIT_MS = 90_000
const TERM_LIMIT_MS = 8_000
const KILL_LIMIT_MS = 5_000
const COMMAND_LIMIT_MS = 120_000

/**
 * Daemons that outlive whoever starts them. Each is recorded by pid and start time; each, and whatever it starts, carries
 * the folder in its environment: so nothing is ended that is not ours, and nothing of ours is overlooked.
 */
export class Daemons {
  readonly #options: DaemonsOptions
  readonly #mark: string
  #closed = false

  constructor(options: DaemonsOptions) {
    this.#options = options
    this.#mark = `HOLDFAST_CLOUD_OF=${options.dir}`
  }

  /** Starts it in a session of its own; 'already' if it runs, and with the same configuration. */
  async start(daemon: Daemon): Promise<'made' | 'already'> {
    const made = fingerprint(daemon)
    const running = await this.#recorded(daemon.name)
    if (running !== undefined && (await isRunning(running))) {
      if (running.made === made) return 'already'
      await this.stop(daemon.name)
    }
    const pid = await this.#launch(daemon)
    const started = await processOf(pid)
    if (started === undefined) throw new Error(`${daemon.name} ended at once: ${await this.#lastWords(daemon.name)}`)
    await this.#record(daemon.name, { ...started, made })
    return 'made'
  }

  async #launch({ name, argv: [program = '', ...args], env }: Daemon): Promise<number> {
    await using log = await this.#openLog(name)
    const child = spawn(program, args, {
      cwd: this.#options.dir,
      detached: true,
      env: this.#environment(env),
      stdio: ['ignore', log.fd, log.fd],
    })
    await once(child, 'spawn')
    child.unref()
    if (child.pid === undefined) throw new Error(`${program} has no process`)
    return child.pid
  }

  /** Waits until it takes connections; fails at once if it ends before. */
  async listens(name: string, port: number, host = '127.0.0.1'): Promise<void> {
    const deadline = Date.now() + PORT_LIMIT_MS
    for (;;) {
      const listens = await takesConnections(port, host)
      const running = await this.#recorded(name)
      const ended = running === undefined || !(await isRunning(running))
      if (listens && !ended) return
      if (ended || Date.now() > deadline) {
        const what = ended ? 'ended' : `took no connections within ${PORT_LIMIT_MS / 1000} s`
        throw new Error(`${name} ${what} (port ${port}): ${await this.#lastWords(name)}`)
      }
      await sleep(POLL_MS)
    }
  }

  /** Runs a command to its end. Its output is returned and, with its errors, kept in the log of that name. */
  async run(name: string, argv: readonly string[], input = ''): Promise<string> {
    const [program = '', ...args] = argv
    const child = spawn(program, args, {
      cwd: this.#options.dir,
      env: this.#environment(),
      timeout: COMMAND_LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    // A command that reads no further than it must is no failure; its exit code tells.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    const closed = once(child, 'close')
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
    const [code, by] = await closed
    await using log = await this.#openLog(name)
    await log.appendFile(`# ${argv.join(' ')}\n${errors}${output}`)
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${by ?? `exit ${code}`}: ${await this.#lastWords(name)}`)
    return output
  }

  async names(): Promise<readonly string[]> {
    const files = await readdir(this.#runDir).catch(() => [])
    return files.filter(file => file.endsWith('.json')).map(file => file.slice(0, -'.json'.length))
  }

  /** The process that was recorded, running or not. */
  async #recorded(name: string): Promise<Running | undefined> {
    const record = await readFile(this.#recordOf(name), 'utf8').catch(() => undefined)
    return record === undefined ? undefined : JSON.parse(record)
  }

  /** Pids of the recorded daemons that run. */
  async pids(): Promise<Readonly<Record<string, number>>> {
    const pids: Record<string, number> = {}
    for (const name of (await this.names()).toSorted()) {
      const running = await this.#recorded(name)
      if (running !== undefined && (await isRunning(running))) pids[name] = running.pid
    }
    return pids
  }

  /** Ends it with all that it started, politely unless that takes too long. */
  async stop(name: string): Promise<'made' | 'already'> {
    const running = await this.#recorded(name)
    const members = running === undefined ? [] : (await this.left()).filter(({ group }) => group === running.pid)
    if (running !== undefined && members.length > 0) {
      signal(-running.pid, 'SIGTERM')
      await Promise.all(members.map(async member => (await gone(member, TERM_LIMIT_MS)) || (await killAll([member]))))
    }
    await rm(this.#recordOf(name), { force: true })
    return members.length > 0 ? 'made' : 'already'
  }

  /** From now on nothing is started any more. */
  close(): void {
    this.#closed = true
  }

  /** Kills what is left of all of them: children that outlived their parents, daemons whose record is lost. */
  async stopRest(): Promise<void> {
    await killAll(await this.left())
    await rm(this.#runDir, { recursive: true, force: true })
  }

  /** Everything that runs and carries the mark. */
  left(): Promise<readonly ProcessInfo[]> {
    return processesWith(this.#mark)
  }

  #environment(env: Daemon['env'] = {}): Record<string, string> {
    if (this.#closed) throw new Error('the cloud is being stopped')
    const [name = '', value = ''] = this.#mark.split(/=(.*)/s)
    return { ...this.#options.env, ...env, [name]: value }
  }

  get #runDir(): string {
    return join(this.#options.dir, 'run')
  }

  #recordOf(name: string): string {
    return join(this.#runDir, `${name}.json`)
  }

  async #record(name: string, running: Running): Promise<void> {
    await mkdir(this.#runDir, { recursive: true })
    await writeFile(`${this.#recordOf(name)}.new`, JSON.stringify(running))
    await rename(`${this.#recordOf(name)}.new`, this.#recordOf(name))
  }

  async #openLog(name: string): Promise<FileHandle> {
    await mkdir(join(this.#options.dir, 'log'), { recursive: true })
    return await open(join(this.#options.dir, 'log', `${name}.log`), 'a')
  }

  async #lastWords(name: string): Promise<string> {
    const path = join(this.#options.dir, 'log', `${name}.log`)
    const log = await readFile(path, 'utf8').catch(() => '')
    return `${path} ends\n${log.trimEnd().split('\n').slice(-25).join('\n')}`
  }
}

const fingerprint = ({ argv, env = {}, configuration = '' }: Daemon): string =>
  createHash('sha256')
    .update(JSON.stringify([argv, env, configuration]))
    .digest('hex')

async function gone(process: ProcessId, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs
  while (await isRunning(process)) {
    if (Date.now() > deadline) return false
    await sleep(POLL_MS)
  }
  return true
}

async function killAll(processes: readonly ProcessId[]): Promise<void> {
  for (const process of processes) if (await isRunning(process)) signal(process.pid, 'SIGKILL')
  for (const process of processes) {
    if (!(await gone(process, KILL_LIMIT_MS))) throw new Error(`process ${process.pid} survives being killed`)
  }
}

async function takesConnections(port: number, host: string): Promise<boolean> {
  const socket = createConnection({ port, host })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

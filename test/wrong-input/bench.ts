import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { main } from '#src/cli/main.ts'
import { openHoldfast } from '#src/index.ts'
import { pictureOf } from './picture.ts'

export const CLONE = fileURLToPath(new URL('../..', import.meta.url))
export const NAMESPACE = fileURLToPath(new URL('./namespace.sh', import.meta.url))
const PICTURE = fileURLToPath(new URL('./print-picture.ts', import.meta.url))

/** What a run of the command line came to. */
export interface Ran {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** What a refusal must tell. */
export interface Refusal {
  readonly code: string
  readonly exit: number
  /** In the message. */
  readonly says: readonly (RegExp | string)[]
  readonly hint?: RegExp
  /** In `left`. */
  readonly left?: RegExp
}

export interface BenchOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Words before the program: it runs in there. */
  readonly prefix?: readonly string[]
  /** The state can be seen in there only. */
  readonly hidden?: boolean
  /** Where the clone is seen in there. */
  readonly program?: string
  /** Else a folder of its own is made. */
  readonly state?: string
}

export type ErrorJson = Readonly<Record<'code' | 'kind' | 'message', string>> &
  Readonly<Record<'hint' | 'left' | 'operation', string | null>>

/** The real program on a state directory of its own, where no libvirt is unless told. */
export class Bench {
  readonly folder: string
  readonly state: string
  readonly #options: BenchOptions

  private constructor(folder: string, options: BenchOptions) {
    this.folder = folder
    this.state = options.state ?? join(folder, 'state')
    this.#options = options
  }

  static async open(options: BenchOptions = {}): Promise<Bench> {
    return new Bench(await mkdtemp(join(tmpdir(), 'hf-wrong-')), options)
  }

  /** The same state, seen in other circumstances. */
  with(options: BenchOptions): Bench {
    const env = { ...this.#options.env, ...options.env }
    return new Bench(this.folder, { ...this.#options, state: this.state, ...options, env })
  }

  start(args: readonly string[]) {
    const { prefix = [], program = CLONE } = this.#options
    const words = [...prefix, join(program, 'node_modules/node/bin/node'), join(program, 'bin/holdfast.mjs'), ...args]
    return spawn(words[0] ?? '', words.slice(1), { env: this.#environment(), stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /** In this process, as the program does it, unless it shall run somewhere else: some hundred runs take seconds so. */
  async run(...args: readonly string[]): Promise<Ran> {
    return this.#options.prefix ? await ended(this.start(args)) : await runHere(args, this.#environment())
  }

  /** Runs what must succeed; gives its JSON. */
  async ok<T = Readonly<Record<string, unknown>>>(...args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run(...args, '--json')
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
    return JSON.parse(stdout) as T
  }

  async make(...args: readonly string[]): Promise<string> {
    const { id } = await this.ok<{ id: string }>(...args)
    return id
  }

  /** Runs what must be refused, for people and for programs; nothing may have become different. */
  async refuses(args: readonly string[], refusal: Refusal): Promise<ErrorJson> {
    const before = await this.picture()
    const error = await this.fails(args, refusal)
    assert.deepEqual(await this.picture(), before, `${args.join(' ')} changed something`)
    return error
  }

  async fails(args: readonly string[], refusal: Refusal): Promise<ErrorJson> {
    const [noun = '', verb = '', ...rest] = args
    checkText(await this.run(...args), refusal)
    return checkJson(await this.run('--json', noun, verb, ...rest), refusal)
  }

  /** All that is recorded, and all files with what the file system knows of them. */
  async picture(): Promise<unknown> {
    if (!this.#options.hidden) return JSON.parse(JSON.stringify(pictureOf(this.state)))
    const words = [...(this.#options.prefix ?? []), process.execPath, '--disable-warning=ExperimentalWarning', PICTURE]
    const { stdout, stderr, code } = await ended(
      spawn(words[0] ?? '', [...words.slice(1), this.state], { stdio: ['ignore', 'pipe', 'pipe'] }),
    )
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout)
  }

  #environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      HOLDFAST_STATE: this.state,
      HOLDFAST_LIBVIRT_SOCKET: join(this.folder, 'no-libvirt'),
      HOLDFAST_DOMAIN_TYPE: 'qemu',
      ...this.#options.env,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function runHere(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  const written = { stdout: '', stderr: '' }
  const sink = (name: 'stdout' | 'stderr') => ({
    write: (chunk: string | Uint8Array) => {
      written[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    },
  })
  const code = await main(args, {
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    isTty: { stdout: false, stderr: false },
    env,
    uid: process.geteuid?.() ?? 0,
    open: openHoldfast,
  })
  return { code, signal: null, ...written }
}

export async function ended(child: ReturnType<Bench['start']>): Promise<Ran> {
  const exit = new Promise<Pick<Ran, 'code' | 'signal'>>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal }))
  })
  const [stdout, stderr, how] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { stdout, stderr, ...how }
}

const STACK = /^\s+at .*(:\d+:\d+|\(native\))/m

function checkText({ code, stdout, stderr }: Ran, { exit, hint }: Refusal): void {
  assert.equal(code, exit, stderr)
  assert.equal(stdout, '')
  assert.match(stderr, /^error: \S/m)
  assert.doesNotMatch(stderr, STACK)
  assert.doesNotMatch(stderr, /internal|undefined|\[object/)
  if (hint) assert.match(stderr, /^hint: \S/m)
}

function checkJson({ code, stdout, stderr }: Ran, refusal: Refusal): ErrorJson {
  assert.equal(stdout, '')
  const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as { error: ErrorJson & { exit_code: number } }
  assert.deepEqual([error.code, error.exit_code, code], [refusal.code, refusal.exit, refusal.exit], error.message)
  for (const word of refusal.says) {
    if (typeof word === 'string') assert.ok(error.message.includes(word), `${word}: ${error.message}`)
    else assert.match(error.message, word)
  }
  if (refusal.hint) assert.match(error.hint ?? '', refusal.hint)
  if (refusal.left) assert.match(error.left ?? '', refusal.left)
  return error
}

/** Why these tests cannot run here, if they cannot. */
export const needsRoot = process.getuid?.() === 0 ? {} : { skip: 'it needs root' }

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { readExitCode, writeOrders } from './control.ts'

/** Root of the clone: the guest sees it under the same path. */
export const CLONE = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** One throw-away guest: a User-mode Linux with a real device-mapper, in which one command runs as root. */
export interface UmlRequest {
  /** The command, or the text of a bash script. */
  readonly argv?: readonly string[]
  readonly script?: string
  /** The clone, unless told. */
  readonly cwd?: string
  /** All that the command finds beside `PATH`, `HOME`, `LANG`, `TERM` and `HOLDFAST_LAB=uml`. */
  readonly env?: Readonly<Record<string, string>>
  /** 512 unless told. Only what is touched costs memory of the host. */
  readonly memoryMib?: number
  /** Kernel modules with their dependencies: `['loop', 'dm-crypt']`. */
  readonly modules?: readonly string[]
  /** Starts udevd first: `/dev/disk/by-*`, and what tools wait for. Costs a second. */
  readonly udev?: boolean
  /** Host files that are `/dev/ubda`, `/dev/ubdb` … in the guest. */
  readonly disks?: readonly string[]
  /** Host folder that is `/results` in the guest: the only place where it can write to the host. Made if it is not there. */
  readonly resultsDir?: string
  /** 300 s unless told. */
  readonly timeoutMs?: number
  /** Ends the guest early; it counts as the time limit. */
  readonly signal?: AbortSignal
  /** What the command prints, as it comes, beside being collected. */
  readonly live?: { readonly stdout: Writable; readonly stderr: Writable }
}

export interface UmlResult {
  /** The command's own, or 124 if the time was over, or 125 if the guest died before the command ended. */
  readonly exitCode: number
  readonly ended: 'by-itself' | 'time-limit' | 'guest-died'
  readonly stdout: string
  readonly stderr: string
  /** The guest's kernel log. */
  readonly console: string
}

export const EXIT_TIME_LIMIT = 124
export const EXIT_GUEST_DIED = 125

/**
 * Runs one command as root in a guest of its own and waits for it. The guest's `/` is the host's, read-only, with a
 * layer in memory above it: the command may do to it what it likes. Needs root, and the packages `user-mode-linux` and
 * `busybox-static`. Whatever ends this process ends the guest too.
 */
export async function runInUml(request: UmlRequest): Promise<UmlResult> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'holdfast-uml-'))
  try {
    const control = join(folder, 'control')
    await writeOrders(control, {
      argv: await commandOf(request, control),
      cwd: request.cwd ?? CLONE,
      env: { HOLDFAST_LAB: 'uml', ...request.env },
      modules: request.modules ?? [],
      udev: request.udev ?? false,
      resultsDir: await resultsOf(request),
    })
    return await boot(request, folder, control)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function commandOf({ argv, script }: UmlRequest, control: string): Promise<readonly string[]> {
  if ((argv === undefined) === (script === undefined)) throw new Error('a guest runs either argv or a script')
  if (argv !== undefined) return argv
  await mkdir(control, { recursive: true })
  await writeFile(join(control, 'script'), script ?? '')
  return ['bash', '/run/lab/script']
}

async function resultsOf({ resultsDir }: UmlRequest): Promise<string | undefined> {
  if (resultsDir === undefined) return undefined
  await mkdir(resultsDir, { recursive: true })
  return await realpath(resultsDir)
}

async function boot(request: UmlRequest, folder: string, control: string): Promise<UmlResult> {
  const memoryMib = request.memoryMib ?? 512
  const guest = spawn('setpriv', [...SUPERVISORS, ...kernelArguments(request, memoryMib, folder, control)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: await memoryFolder(memoryMib) },
  })
  const [monitor, kernel, stdout, stderr] = [collect(guest, 2), collect(guest, 5), collect(guest, 6), collect(guest, 7)]
  guest.stdout?.resume()
  if (request.live) {
    stream(guest, 6).on('data', chunk => request.live?.stdout.write(chunk))
    stream(guest, 7).on('data', chunk => request.live?.stderr.write(chunk))
  }
  const inTime = await waitFor(guest, request)
  const exitCode = await readExitCode(control)
  const output = { stdout: stdout(), stderr: stderr(), console: kernel() + monitor() }
  if (exitCode !== undefined) return { exitCode, ended: 'by-itself', ...output }
  return inTime
    ? { exitCode: EXIT_GUEST_DIED, ended: 'guest-died', ...output }
    : { exitCode: EXIT_TIME_LIMIT, ended: 'time-limit', ...output }
}

/**
 * A PID namespace takes every helper process of the guest along when its first process goes: when we kill it, and by
 * the death signal when we are killed ourselves. The kernel must not be that first process (its last act on a panic is
 * a signal to itself, which a first process ignores), and wants a session of its own (it signals its whole group).
 */
const SUPERVISORS = [
  ...['--pdeathsig', 'KILL', '--'],
  ...['unshare', '--pid', '--fork', '--kill-child=KILL', '--'],
  ...['setsid', '--fork', '--wait', 'linux.uml'],
]

/** Channels: descriptor 5 is the kernel's console, 6 and 7 the two serial lines that carry stdout and stderr. */
function kernelArguments(request: UmlRequest, memoryMib: number, folder: string, control: string): string[] {
  return [
    ...[`mem=${memoryMib}M`, `umid=${basename(folder)}`, `uml_dir=${folder}/`],
    ...[
      'root=/dev/root',
      'rootfstype=hostfs',
      'rootflags=/',
      'ro',
      `init=${control}/init.sh`,
      `LAB_CONTROL=${control}`,
    ],
    ...['con=null', 'con0=null,fd:5', 'ssl=null', 'ssl0=null,fd:6', 'ssl1=null,fd:7'],
    ...['quiet', 'panic=-1', 'oops=panic', 'pty.legacy_count=0'],
    ...(request.disks ?? []).map((path, index) => `ubd${index}=${path}`),
  ]
}

/** Guest memory is a file that is mapped; /dev/shm is right for it, unless it is as small as containers have it. */
async function memoryFolder(memoryMib: number): Promise<string> {
  const shm = await statfs('/dev/shm').catch(() => undefined)
  const free = shm === undefined ? 0 : shm.bavail * shm.bsize
  return free > memoryMib * 1024 * 1024 ? '/dev/shm' : tmpdir()
}

/** True if the guest ended by itself, false if it was ended. */
async function waitFor(guest: ChildProcess, { timeoutMs = 300_000, signal }: UmlRequest): Promise<boolean> {
  const limit = signal ? AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) : AbortSignal.timeout(timeoutMs)
  const kill = () => guest.kill('SIGKILL')
  if (limit.aborted) kill()
  limit.addEventListener('abort', kill, { once: true })
  try {
    await new Promise((resolve, reject) => {
      guest.on('error', reject)
      guest.on('close', resolve)
    })
  } finally {
    limit.removeEventListener('abort', kill)
  }
  return !limit.aborted
}

const stream = (guest: ChildProcess, descriptor: number): Readable => {
  const found = guest.stdio[descriptor]
  if (found === undefined || found === null) throw new Error(`the guest has no channel ${descriptor}`)
  return found as Readable
}

function collect(guest: ChildProcess, descriptor: number): () => string {
  const chunks: Buffer[] = []
  const source = stream(guest, descriptor)
  source.on('data', (chunk: Buffer) => chunks.push(chunk))
  source.on('error', () => {}) // a channel that breaks off is the end of the guest, which is told by other means
  return () => Buffer.concat(chunks).toString()
}

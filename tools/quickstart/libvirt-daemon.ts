import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Libvirt } from '#src/libvirt/index.ts'

const SCRIPT = fileURLToPath(new URL('./libvirt-daemon.sh', import.meta.url))
const START_MS = 30_000
const RETRY_MS = 50
const PID_FILES = ['libvirtd.pid', 'virtlogd.pid']

/** Whether libvirt answers at this socket. */
export async function libvirtAnswers(socketPath: string): Promise<boolean> {
  await using libvirt = new Libvirt({ socketPath, connectDeadlineMs: 5000 })
  try {
    await libvirt.open()
    return true
  } catch {
    // Not there, or not answering: both mean that it has to be started.
    return false
  }
}

/**
 * Starts libvirt: by systemd where it runs, else libvirtd and virtlogd themselves, with their pid files in `runDirectory`.
 * `coverKvm`: hide a /dev/kvm that does not work, for libvirt would probe it at each start of a domain.
 * @returns how it was started
 */
export async function startLibvirt(options: {
  socketPath: string
  runDirectory: string
  coverKvm: boolean
}): Promise<string> {
  const bySystemd = await exists('/run/systemd/system')
  if (bySystemd) await run('systemctl', ['start', 'virtlogd.socket', 'libvirtd.socket', 'libvirtd.service'])
  else {
    const kvm = options.coverKvm ? 'cover' : 'keep'
    await run('unshare', ['--mount', '--propagation', 'slave', '--', SCRIPT, options.runDirectory, kvm])
  }
  for (let waited = 0; waited < START_MS; waited += RETRY_MS) {
    if (await libvirtAnswers(options.socketPath)) return bySystemd ? 'by systemd' : 'on its own, without systemd'
    await sleep(RETRY_MS)
  }
  throw new Error(`libvirt was started but does not answer at ${options.socketPath}; see /var/log/libvirt`)
}

/** Ends the daemons that `startLibvirt` started itself; those of systemd are the host's and stay. */
export async function stopLibvirt(runDirectory: string): Promise<boolean> {
  let stopped = false
  for (const name of PID_FILES) stopped = (await stopByPidFile(join(runDirectory, name))) || stopped
  return stopped
}

async function stopByPidFile(path: string): Promise<boolean> {
  if (!(await exists(path))) return false
  const pid = Number((await readFile(path, 'utf8')).trim())
  const daemon = path.endsWith('libvirtd.pid') ? 'libvirtd' : 'virtlogd'
  if (!Number.isInteger(pid) || (await commandOf(pid)) !== daemon) return false
  process.kill(pid, 'SIGTERM')
  for (let waited = 0; waited < START_MS && (await commandOf(pid)) === daemon; waited += RETRY_MS) await sleep(RETRY_MS)
  await unlink(path).catch(() => {})
  return true
}

async function commandOf(pid: number): Promise<string | undefined> {
  try {
    return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim()
  } catch {
    return undefined
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  // The daemons inherit this pipe; what counts is the exit of the program that started them.
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const [code] = await once(child, 'exit')
  child.stderr.destroy()
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr.trim()}`)
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What the guest's PID 1 is told. */
export interface Orders {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly modules: readonly string[]
  readonly udev: boolean
  /** Host folder for `/results`. */
  readonly resultsDir: string | undefined
}

/** Fills the control folder that `init.sh` reads; it must lie on a path without white space. */
export async function writeOrders(folder: string, orders: Orders): Promise<void> {
  if (/\s/.test(folder)) throw new Error(`control folder ${folder}: a kernel argument cannot hold white space`)
  await mkdir(folder, { recursive: true })
  await Promise.all([
    copyExecutable(fileURLToPath(new URL('./init.sh', import.meta.url)), join(folder, 'init.sh')),
    writeFile(join(folder, 'command'), commandFile(orders)),
    writeFile(join(folder, 'settings'), settingsFile(orders)),
    writeFile(join(folder, 'fstab'), FSTAB),
    writeFile(join(folder, 'fstab.late'), lateFstab(folder, orders.resultsDir)),
  ])
}

async function copyExecutable(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  await chmod(to, 0o755)
}

/** The command's own exit code, if it came to an end. */
export async function readExitCode(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'exit-code'), 'utf8').catch(() => '')
  return /^\d+\n$/.test(text) ? Number(text) : undefined
}

const FSTAB = `sys /sys sysfs defaults 0 0
dev /dev devtmpfs defaults 0 0
run /run tmpfs mode=755 0 0
`

/** What is mounted in folders that PID 1 makes first. */
function lateFstab(folder: string, resultsDir: string | undefined): string {
  const lines = [
    'pts /dev/pts devpts gid=5,mode=620,ptmxmode=666 0 0',
    'shm /dev/shm tmpfs mode=1777 0 0',
    `none /run/lab hostfs ${fstabField(folder)} 0 0`,
  ]
  if (resultsDir !== undefined) lines.push(`none /results hostfs ${fstabField(resultsDir)} 0 0`)
  return lines.map(line => `${line}\n`).join('')
}

const fstabField = (path: string): string =>
  path.replace(/[\s\\]/g, character => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`)

const settingsFile = ({ modules, udev }: Orders): string =>
  `LAB_MODULES=${quoted(modules.join(' '))}\nLAB_UDEV=${udev ? 1 : 0}\n`

function commandFile({ argv, cwd, env }: Orders): string {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}\n`)
  return `${exports.join('')}cd ${quoted(cwd)} || exit 125\nexec ${argv.map(quoted).join(' ')}\n`
}

/** One word of a POSIX shell, whatever it holds. */
export const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

import { type BigIntStats, readdirSync, readFileSync } from 'node:fs'
import {
  chmod,
  constants,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  stat,
  statfs,
  truncate,
  unlink,
} from 'node:fs/promises'
import { dirname } from 'node:path'
import { HoldfastError } from '#src/core/error.ts'
import type { Random } from '#src/core/random.ts'
import { copyData, reflink } from './copy-sparse.ts'
import { errnoOf, onFile } from './file-error.ts'
import type { FileFacts, HostFiles } from './host.ts'

/** What `writeAtomic` writes to before it renames; a crash may leave one behind. */
export const TEMPORARY_SUFFIX = '.holdfast-tmp'

/** Files of this host, by node:fs. What is written is on the disk, names included, when a verb returns. */
export function createNodeFiles(random: Random): HostFiles {
  return {
    stat: path => onFile('look at', path, () => factsOf(path)),
    realPath: path => onFile('resolve', path, () => unlessAbsent(realpath(path))),
    read: path => onFile('read', path, async () => await unlessAbsent(readWhole(path))),
    readAt: (path, offset, length) => onFile('read', path, () => readAt(path, offset, length)),
    writeAtomic: (path, bytes, mode) => onFile('write', path, () => writeAtomic(path, bytes, mode, random)),
    createSparse: (path, size, mode) =>
      onFile('create', path, () => createWhole(path, mode, async file => await file.truncate(size))),
    truncate: (path, size) => onFile('change the size of', path, () => changeSize(path, size)),
    copySparse: (from, to, mode, signal) =>
      onFile(`copy ${from} to`, to, () => copySparse(from, to, mode, signal), signal),
    synced,
    rename: (from, to) => onFile(`rename ${from} to`, to, () => renameDurably(from, to)),
    remove: path => onFile('remove', path, () => remove(path)),
    list: path => onFile('list', path, async () => (await namesIn(path)).sort()),
    makeDirectory: (path, mode) => onFile('create', path, () => makeDirectory(path, mode)),
    freeBytes: path =>
      onFile('look at', path, async () => {
        const { bavail, bsize } = await statfs(path)
        return bavail * bsize
      }),
    totalBytes: path =>
      onFile('look at', path, async () => {
        const { blocks, bsize } = await statfs(path)
        return blocks * bsize
      }),
  }
}

/** sysfs is in memory: what it says at once costs a tenth of what it costs by way of a thread. */
const inMemory = (path: string): boolean => path.startsWith('/sys/')

const readWhole = async (path: string): Promise<Uint8Array> =>
  inMemory(path) ? readFileSync(path) : await readFile(path)

const namesIn = async (path: string): Promise<string[]> => (inMemory(path) ? readdirSync(path) : await readdir(path))

async function factsOf(path: string): Promise<FileFacts | undefined> {
  const stats = await unlessAbsent(stat(path, { bigint: true }))
  if (!stats) return undefined
  const kind = kindOf(stats)
  const device = deviceNumber(kind === 'block' ? stats.rdev : stats.dev)
  return {
    kind,
    size: kind === 'block' ? await blockSize(path, device) : Number(stats.size),
    allocated: Number(stats.blocks) * 512,
    mode: Number(stats.mode & 0o777n),
    uid: Number(stats.uid),
    inode: `${stats.ino}:${stats.birthtimeNs}`,
    device,
  }
}

function kindOf(stats: BigIntStats): FileFacts['kind'] {
  if (stats.isFile()) return 'file'
  if (stats.isBlockDevice()) return 'block'
  return stats.isDirectory() ? 'directory' : 'other'
}

/** A device number as the kernel writes it, `8:16` (glibc `gnu_dev_major`, `gnu_dev_minor`). */
export function deviceNumber(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

/** The same number as `BLKGETSIZE64`, without opening the device. A node whose device is gone has size 0. */
async function blockSize(path: string, device: string): Promise<number> {
  const text = await unlessAbsent(readFile(`/sys/dev/block/${device}/size`, 'utf8'))
  if (text === undefined) return 0
  const sectors = Number(text.trim())
  if (Number.isSafeInteger(sectors)) return sectors * 512
  throw new HoldfastError('host-command', 'io-error', `the kernel gives no size for ${path}: ${JSON.stringify(text)}`)
}

async function readAt(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } finally {
    await file.close()
  }
}

async function writeAtomic(path: string, bytes: Uint8Array, mode: number, random: Random): Promise<void> {
  const temporary = `${path}.${random.uuid()}${TEMPORARY_SUFFIX}`
  await createWhole(temporary, mode, async file => await file.writeFile(bytes))
  try {
    await renameDurably(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
}

async function copySparse(from: string, to: string, mode: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  if (await reflink(from, to)) await makeWhole(to, constants.O_RDWR, mode, async () => {})
  else await createWhole(to, mode, file => copyData(from, file, signal))
}

const createWhole = (path: string, mode: number, fill: (file: FileHandle) => Promise<void>): Promise<void> =>
  makeWhole(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, mode, fill)

/** A new file that `fill` has filled, synced with its name; if anything fails, no file. */
async function makeWhole(
  path: string,
  flags: number,
  mode: number,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, mode)
  try {
    try {
      await file.chmod(mode)
      await fill(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await syncFolder(dirname(path))
  } catch (error) {
    await unlink(path).catch(() => {})
    throw error
  }
}

async function changeSize(path: string, size: number): Promise<void> {
  await truncate(path, size)
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Opened before: the kernel tells a lost write to all who had the file open then, but to later ones only if nobody was told yet. */
async function synced<T>(path: string, work: () => Promise<T>): Promise<T> {
  const file = await onFile('write', path, () => open(path, 'r+'))
  try {
    const result = await work()
    await onFile('write', path, () => file.sync())
    return result
  } finally {
    await file.close()
  }
}

async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncFolder(dirname(to))
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from))
}

async function remove(path: string): Promise<boolean> {
  try {
    await unlink(path)
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
  await syncFolder(dirname(path))
  return true
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode })
  if (made === undefined) return
  await chmod(path, mode)
  await syncFolder(dirname(made))
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')

async function unlessAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

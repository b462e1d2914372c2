import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import type { Host } from './host.ts'
import { type ImageFormat, imageFormat, invalidImage, refersElsewhere } from './image-format.ts'
import { withMemoryFile } from './memory-file.ts'

/** Untrusted input: reading its tables takes moments, or it is made to take for ever. */
const INFO_DEADLINE_MS = 30_000
/** Six hours: a terabyte on a slow disk. The caller's signal ends it sooner. */
const COPY_DEADLINE_MS = 6 * 3_600_000

export interface ImageInfo extends ImageFormat {
  /** Bytes that it takes on the disk. */
  readonly actualSize: number
}

/**
 * An image that may be copied into a volume: raw or qcow2, whole in itself, sound in its tables. The format is found from
 * the file's own bytes and then given to qemu-img, which never guesses; what qemu-img says must agree.
 * @throws HoldfastError `image-not-found`, `invalid-image`, `image-backing-file`
 */
export async function inspectImage(host: Host, path: string, signal?: AbortSignal): Promise<ImageInfo> {
  const found = await imageFormat(host, path)
  const args = ['info', '-U', '-f', found.format, '--output=json', path]
  const { stdout } = await badImage(path, () =>
    host.run({ tool: 'qemu-img', args, deadlineMs: INFO_DEADLINE_MS, signal }),
  )
  const said = parseInfo(path, stdout)
  if (said.format !== found.format || said.virtualSize !== found.virtualSize) {
    throw invalidImage(path, `it changed while it was looked at, or its header does not agree with qemu-img`)
  }
  return said
}

async function badImage<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!hasCode(error, 'command-failed')) throw error
    throw invalidImage(path, `qemu-img refuses it (${(error as HoldfastError).message})`, error)
  }
}

/** Strict: a field that is missing or of another type is refused, and so is any reference to another file. */
export function parseInfo(path: string, stdout: string): ImageInfo {
  const info = parseObject(path, stdout)
  const specific = nested(nested(info['format-specific']).data)
  if (Object.keys(info).some(key => key.includes('backing'))) throw refersElsewhere(path, 'has a backing file')
  if (specific['data-file'] !== undefined) throw refersElsewhere(path, 'keeps its data in another file')
  const { format, 'virtual-size': virtualSize, 'actual-size': actualSize } = info
  if (format !== 'raw' && format !== 'qcow2') throw invalidImage(path, `its format is ${String(format).slice(0, 20)}`)
  if (info.encrypted === true || specific.encrypt !== undefined) throw invalidImage(path, 'it is encrypted itself')
  if (specific.corrupt === true) throw invalidImage(path, 'it is marked as corrupt')
  if (!isSize(virtualSize) || !isSize(actualSize)) throw invalidImage(path, 'qemu-img tells no size of it')
  return { format, virtualSize, actualSize }
}

function parseObject(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch (error) {
    throw invalidImage(path, 'qemu-img answered with something that is not JSON', error)
  }
  throw invalidImage(path, 'qemu-img answered with something that is no object')
}

const nested = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** Writes the image's content to the start of `target`, a raw file that reads as zeros and stays sparse. Synced. */
export async function writeImage(
  host: Host,
  image: { readonly path: string; readonly format: ImageFormat['format'] },
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const args = ['convert', '-n', '--target-is-zero', '-t', 'writeback']
  args.push('-f', image.format, '-O', 'raw', image.path, target)
  await copy(host, args, target, signal)
}

/**
 * Writes the image's content, zeros too, through the LUKS1 header of `target`, which fits exactly. Synced. The passphrase
 * reaches qemu-img by a file descriptor.
 */
export async function writeImageEncrypted(
  host: Host,
  image: { readonly path: string; readonly format: ImageFormat['format'] },
  target: string,
  passphrase: Secret,
  signal?: AbortSignal,
): Promise<void> {
  await withMemoryFile(passphrase, async secret => {
    const args = ['convert', '-n', '-t', 'writeback', '-S', '0', '--image-opts']
    args.push('--object', `secret,id=sec0,format=raw,file=${secret}`)
    args.push('--target-image-opts', `driver=${image.format},file.driver=file,file.filename=${option(image.path)}`)
    args.push(`driver=luks,key-secret=sec0,file.driver=file,file.filename=${option(target)}`)
    await copy(host, args, target, signal)
  })
}

/** QEMU's option syntax: a comma in a value is doubled. */
const option = (value: string) => value.replaceAll(',', ',,')

/**
 * Copies a raw file to `target`, a blank one of the same size, without regard to who has it open. Holes stay holes, and
 * the file system shares or copies the rest by itself where it can (`-C`). Synced.
 */
export async function copyRaw(host: Host, from: string, target: string, signal?: AbortSignal): Promise<void> {
  const args = [
    'convert',
    '-n',
    '-U',
    '--target-is-zero',
    '-C',
    '-t',
    'writeback',
    '-f',
    'raw',
    '-O',
    'raw',
    from,
    target,
  ]
  await copy(host, args, target, signal)
}

/** Whether two raw files have the same content, read without regard to who has them open. */
export async function sameContent(host: Host, one: string, other: string, signal?: AbortSignal): Promise<boolean> {
  const args = ['compare', '-U', '-s', '-f', 'raw', '-F', 'raw', one, other]
  const request = { tool: 'qemu-img', args, okCodes: [0, 1], deadlineMs: COPY_DEADLINE_MS, signal } as const
  return (await host.run(request)).exitCode === 0
}

async function copy(host: Host, args: readonly string[], target: string, signal?: AbortSignal): Promise<void> {
  try {
    await host.files.synced(target, () => host.run({ tool: 'qemu-img', args, deadlineMs: COPY_DEADLINE_MS, signal }))
  } catch (error) {
    if (hasCode(error, 'command-failed') && /No space left on device/.test((error as Error).message)) {
      throw new HoldfastError('no-space', 'no-space', `could not write ${target}: no space left`, {
        cause: error,
        details: { hint: 'free some space on that file system' },
      })
    }
    throw error
  }
}

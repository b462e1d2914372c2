import { HoldfastError } from '#src/core/error.ts'
import { formatBytes } from '#src/core/sizes.ts'
import type { Host } from './host.ts'

export interface ImageFormat {
  readonly format: 'raw' | 'qcow2'
  /** What a guest would see, bytes. */
  readonly virtualSize: number
}

const HEAD = 1024
const SECTOR = 512
const ascii = (text: string) => [...text].map(char => char.charCodeAt(0))

/** Formats that are no plain disk content, by what they begin with (QEMU `block/*.c` probes). */
const FOREIGN: readonly (readonly [string, number, readonly number[]])[] = [
  ['vmdk', 0, ascii('KDMV')],
  ['vmdk', 0, ascii('COWD')],
  ['vmdk', 0, ascii('# Disk DescriptorFile')],
  ['vdi', 0x40, [0x7f, 0x10, 0xda, 0xbe]],
  ['vpc', 0, ascii('conectix')],
  ['vhdx', 0, ascii('vhdxfile')],
  ['qed', 0, ascii('QED\0')],
  ['qcow', 0, [...ascii('QFI'), 0xfb, 0, 0, 0, 1]],
  ['parallels', 0, ascii('WithoutFreeSpace')],
  ['parallels', 0, ascii('WithouFreSpacExt')],
  ['luks', 0, [...ascii('LUKS'), 0xba, 0xbe]],
  ['bochs', 0, ascii('Bochs Virtual HD Image')],
  ['gzip', 0, [0x1f, 0x8b]],
  ['xz', 0, [0xfd, ...ascii('7zXZ')]],
  ['zstd', 0, [0x28, 0xb5, 0x2f, 0xfd]],
  ['zip', 0, ascii('PK\u0003\u0004')],
]

/** Incompatible features that are harmless: dirty, corrupt, compression type, extended L2. Bit 2 is an external data file. */
const DATA_FILE = 0x4

/**
 * What an untrusted file is, from its own bytes: QEMU is never asked to guess, since some formats and features make it
 * open other files of this host (CVE-2015-5163, CVE-2022-47951, CVE-2024-32498).
 * @throws HoldfastError `image-not-found`, `invalid-image`, `image-backing-file`
 */
export async function imageFormat(host: Host, path: string): Promise<ImageFormat> {
  if (!path.startsWith('/')) throw invalidImage(path, 'it must be named by its absolute path')
  const facts = await host.files.stat(path)
  if (!facts) throw new HoldfastError('not-found', 'image-not-found', `there is no image file ${shown(path)}`)
  if (facts.kind !== 'file') throw invalidImage(path, 'it is not a regular file')
  if (facts.size === 0) throw invalidImage(path, 'it is empty')
  const head = await host.files.readAt(path, 0, HEAD)
  if (begins(head, 0, [...ascii('QFI'), 0xfb]) && !begins(head, 4, [0, 0, 0, 1])) return qcow2(path, head)
  const tail = await host.files.readAt(path, Math.max(0, facts.size - SECTOR), SECTOR)
  const foreign = FOREIGN.find(([, offset, magic]) => begins(head, offset, magic))?.[0] ?? footer(tail)
  if (foreign) throw invalidImage(path, `its format is ${foreign}`)
  if (facts.size % SECTOR !== 0) {
    throw invalidImage(path, `its size of ${facts.size} bytes is not a multiple of ${SECTOR}: it is no raw disk`)
  }
  return { format: 'raw', virtualSize: facts.size }
}

/** A fixed VHD and a DMG are told by their last sector alone. */
function footer(tail: Uint8Array): string | undefined {
  if (begins(tail, 0, ascii('conectix'))) return 'vpc'
  return begins(tail, 0, ascii('koly')) ? 'dmg' : undefined
}

function qcow2(path: string, head: Uint8Array): ImageFormat {
  if (head.length < 72) throw invalidImage(path, 'its qcow2 header is cut off')
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const version = view.getUint32(4)
  if (version !== 2 && version !== 3) throw invalidImage(path, `its qcow2 version is ${version}`)
  if (view.getBigUint64(8) !== 0n) throw refersElsewhere(path, 'has a backing file')
  if (view.getUint32(32) !== 0) throw invalidImage(path, 'it is encrypted itself')
  const features = version === 3 && head.length >= 80 ? view.getUint32(76) : 0
  if (features & DATA_FILE) throw refersElsewhere(path, 'keeps its data in another file')
  const size = view.getBigUint64(24)
  if (size === 0n || size > 2n ** 50n) throw invalidImage(path, `its qcow2 header tells a size of ${size} bytes`)
  return { format: 'qcow2', virtualSize: Number(size) }
}

const begins = (bytes: Uint8Array, offset: number, magic: readonly number[]) =>
  magic.every((byte, index) => bytes[offset + index] === byte)

const shown = (path: string) => JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path)

export const invalidImage = (path: string, why: string, cause?: unknown) =>
  new HoldfastError('invalid-input', 'invalid-image', `${shown(path)} can't be used as an image: ${why}`, {
    cause,
    details: { hint: "give a raw or qcow2 image; 'qemu-img convert -O raw' makes one of any other" },
  })

export const refersElsewhere = (path: string, how: string) =>
  new HoldfastError(
    'unsafe',
    'image-backing-file',
    `${shown(path)} can't be used as an image: it ${how}, and would show other files of this host to the guest`,
    { details: { hint: "flatten it where it was made: 'qemu-img convert -O qcow2 <it> <new file>'" } },
  )

export const imageTooLarge = (path: string, bytes: number, room: number) =>
  new HoldfastError(
    'invalid-input',
    'invalid-size',
    `image ${shown(path)} has ${formatBytes(bytes)}: it does not fit into ${formatBytes(room)}`,
  )

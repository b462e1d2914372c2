import { createHash } from 'node:crypto'
import { HoldfastError } from '#src/core/error.ts'
import type { Host } from './host.ts'

export interface LuksHeader {
  readonly version: 1 | 2
  /** Lower case. */
  readonly uuid: string
  /** For example `aes-xts-plain64`. */
  readonly cipher: string
  /** Bits of the volume key. */
  readonly keySizeBits: number
  /** Where the encrypted data begins: bytes that the guest does not see. */
  readonly payloadOffsetBytes: number
  /** The most that deriving the key of one of its slots takes; which of them a passphrase opens is not known before. */
  readonly derivation: { readonly memoryBytes: number; readonly threads: number }
}

/** PBKDF2: a few bytes, one thread. */
const CHEAP = { memoryBytes: 0, threads: 1 } as const
/** cryptsetup writes no header that asks for more (`lib/crypto_backend/pbkdf_check.c`). */
const MOST_MEMORY_KIB = 4 * 2 ** 20
/** Argon2 has no more lanes than this (RFC 9106). */
const MOST_THREADS = 2 ** 24 - 1

const MAGIC = Buffer.from('LUKS\xba\xbe', 'latin1')
/** Of the second copy of a LUKS2 header. */
const MAGIC_SECOND = Buffer.from('SKUL\xba\xbe', 'latin1')
const LUKS1_LENGTH = 592
const LUKS2_BINARY_LENGTH = 4096
const LUKS2_SIZES = [2 ** 14, 2 ** 15, 2 ** 16, 2 ** 17, 2 ** 18, 2 ** 19, 2 ** 20, 2 ** 21, 2 ** 22]
const CHECKSUM_OFFSET = 448
const CHECKSUM_LENGTH = 64
const SECTOR = 512

/**
 * The LUKS header at the head of a file or device, read by ourselves and only read (LUKS1 and LUKS2 on-disk format
 * specifications). Undefined if the head has no LUKS magic. Of a LUKS2 header whose first copy is damaged the second is
 * taken, as cryptsetup does.
 * @throws HoldfastError `luks-header-corrupt` (corrupt); what reading throws
 */
export async function readLuksHeader(host: Pick<Host, 'files'>, path: string): Promise<LuksHeader | undefined> {
  const head = await readBytes(host, path, 0, LUKS2_BINARY_LENGTH)
  if (head.length < 8 || !head.subarray(0, 6).equals(MAGIC)) return undefined
  const version = head.readUInt16BE(6)
  if (version === 1) return parseLuks1(path, head)
  if (version === 2) return await readLuks2(host, path, head)
  throw corrupt(path, `it names version ${version}`)
}

async function readBytes(host: Pick<Host, 'files'>, path: string, offset: number, length: number): Promise<Buffer> {
  const bytes = await host.files.readAt(path, offset, length)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function parseLuks1(path: string, head: Buffer): LuksHeader {
  if (head.length < LUKS1_LENGTH) throw corrupt(path, 'it is cut off')
  const header = {
    version: 1,
    uuid: text(head, 168, 40).toLowerCase(),
    cipher: `${text(head, 8, 32)}-${text(head, 40, 32)}`,
    keySizeBits: head.readUInt32BE(108) * 8,
    payloadOffsetBytes: head.readUInt32BE(104) * SECTOR,
    derivation: CHEAP,
  } as const
  return checked(path, header)
}

async function readLuks2(host: Pick<Host, 'files'>, path: string, head: Buffer): Promise<LuksHeader> {
  const stated = luks2Size(head)
  const first = stated === undefined ? undefined : await readBytes(host, path, 0, stated)
  if (first && sound(first)) return parseLuks2(path, first)
  for (const offset of stated === undefined ? LUKS2_SIZES : [stated]) {
    const binary = await readBytes(host, path, offset, LUKS2_BINARY_LENGTH)
    if (binary.length < LUKS2_BINARY_LENGTH || !binary.subarray(0, 6).equals(MAGIC_SECOND)) continue
    const second = await readBytes(host, path, offset, luks2Size(binary) ?? LUKS2_BINARY_LENGTH)
    if (sound(second)) return parseLuks2(path, second)
  }
  throw corrupt(path, 'the checksums of both its copies are wrong')
}

/** The header size that the binary part states; undefined if the format does not allow it. */
function luks2Size(binary: Buffer): number | undefined {
  if (binary.length < LUKS2_BINARY_LENGTH) return undefined
  const size = Number(binary.readBigUInt64BE(8))
  return LUKS2_SIZES.includes(size) ? size : undefined
}

/** The checksum over binary and JSON part, with its own field as zeros, is the one that is written there. */
function sound(header: Buffer): boolean {
  if (header.length <= LUKS2_BINARY_LENGTH || header.length !== luks2Size(header)) return false
  const algorithm = text(header, 72, 32)
  if (!['sha1', 'sha256', 'sha512'].includes(algorithm)) return false
  const sum = createHash(algorithm)
    .update(header.subarray(0, CHECKSUM_OFFSET))
    .update(new Uint8Array(CHECKSUM_LENGTH))
    .update(header.subarray(CHECKSUM_OFFSET + CHECKSUM_LENGTH))
    .digest()
  return header.subarray(CHECKSUM_OFFSET, CHECKSUM_OFFSET + sum.length).equals(sum)
}

function parseLuks2(path: string, bytes: Buffer): LuksHeader {
  const metadata = parseJson(path, text(bytes, LUKS2_BINARY_LENGTH, bytes.length - LUKS2_BINARY_LENGTH))
  const segments = Object.values(field(metadata, 'segments') ?? {})
  const [segment] = segments
  if (segments.length !== 1 || field(segment, 'type') !== 'crypt')
    throw corrupt(path, 'its data is not one crypt segment')
  const keySize = Object.values(field(metadata, 'keyslots') ?? {}).map(slot => field(slot, 'key_size'))[0]
  const header = {
    version: 2,
    uuid: text(bytes, 168, 40).toLowerCase(),
    cipher: String(field(segment, 'encryption') ?? ''),
    keySizeBits: typeof keySize === 'number' ? keySize * 8 : Number.NaN,
    payloadOffsetBytes: Number(field(segment, 'offset') ?? Number.NaN),
    derivation: derivationOf(path, Object.values(field(metadata, 'keyslots') ?? {})),
  } as const
  return checked(path, header)
}

/** Argon2 says how much memory (KiB) and how many threads it takes. Slots that only stand for a re-encryption derive nothing. */
function derivationOf(path: string, slots: readonly unknown[]): LuksHeader['derivation'] {
  const costs = slots.filter(slot => field(slot, 'type') === 'luks2').map(slot => costOf(path, field(slot, 'kdf')))
  return {
    memoryBytes: Math.max(CHEAP.memoryBytes, ...costs.map(({ memoryBytes }) => memoryBytes)),
    threads: Math.max(CHEAP.threads, ...costs.map(({ threads }) => threads)),
  }
}

function costOf(path: string, kdf: unknown): LuksHeader['derivation'] {
  const type = field(kdf, 'type')
  if (type === 'pbkdf2') return CHEAP
  if (type !== 'argon2i' && type !== 'argon2id') throw corrupt(path, 'a key slot has no key derivation that we know')
  const [memoryKib, threads] = [field(kdf, 'memory'), field(kdf, 'cpus')]
  if (isCount(memoryKib, MOST_MEMORY_KIB) && isCount(threads, MOST_THREADS)) {
    return { memoryBytes: memoryKib * 1024, threads }
  }
  throw corrupt(path, 'the cost of a key slot makes no sense')
}

const isCount = (value: unknown, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= most

function checked(path: string, header: LuksHeader): LuksHeader {
  if (!/^[0-9a-f-]{36}$/.test(header.uuid)) throw corrupt(path, 'it has no UUID')
  if (!/^[a-z0-9_:()-]+$/.test(header.cipher)) throw corrupt(path, 'it names no cipher')
  if (!Number.isInteger(header.keySizeBits) || header.keySizeBits <= 0) throw corrupt(path, 'it has no key slot')
  if (!Number.isSafeInteger(header.payloadOffsetBytes) || header.payloadOffsetBytes <= 0) {
    throw corrupt(path, 'it does not say where the data begins')
  }
  return header
}

function parseJson(path: string, json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw corrupt(path, 'its metadata is not JSON', cause)
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** A field of fixed length, up to the first NUL. */
function text(bytes: Buffer, offset: number, length: number): string {
  const part = bytes.subarray(offset, offset + length)
  const end = part.indexOf(0)
  return part.toString('utf8', 0, end < 0 ? part.length : end)
}

const corrupt = (path: string, why: string, cause?: unknown) =>
  new HoldfastError('corrupt', 'luks-header-corrupt', `the LUKS header of ${path} is damaged: ${why}`, {
    cause,
    details: { layer: 'encryption', hint: 'restore the header from a backup; nothing was written' },
  })

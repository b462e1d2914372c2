import { createHash } from 'node:crypto'
import type { SimLuks } from './world.ts'

const MAGIC = 'LUKS\xba\xbe'
const MAGIC_SECOND = 'SKUL\xba\xbe'
/** Of each of the two copies of a LUKS2 header. */
const LUKS2_SIZE = 16384
const BINARY_LENGTH = 4096
const CHECKSUM_OFFSET = 448
const STRIPES = 4000

/**
 * The header as it lies at the head of the volume, by the on-disk formats of LUKS1 and LUKS2, as far as the metadata go:
 * the areas of the key slots are left out, and salts and digests are made up from the UUID.
 */
export function luksBytes(luks: SimLuks): Uint8Array {
  if (luks.damaged) return damaged(luks)
  return luks.version === 1 ? luks1(luks) : luks2(luks)
}

/** The magic and the version are there, the rest is not. */
function damaged({ version }: SimLuks): Uint8Array {
  const bytes = Buffer.alloc(LUKS2_SIZE)
  bytes.write(MAGIC, 0, 'latin1')
  bytes.writeUInt16BE(version, 6)
  return bytes
}

const cipherOf = ({ cipher = 'aes-xts-plain64' }: SimLuks): string => cipher
const keyBytesOf = ({ keySizeBits = 512 }: SimLuks): number => keySizeBits / 8

function luks1(luks: SimLuks): Uint8Array {
  const bytes = Buffer.alloc(1024)
  const [name = '', ...mode] = cipherOf(luks).split('-')
  bytes.write(MAGIC, 0, 'latin1')
  bytes.writeUInt16BE(1, 6)
  bytes.write(name, 8)
  bytes.write(mode.join('-'), 40)
  bytes.write('sha256', 72)
  bytes.writeUInt32BE(luks.payloadOffsetBytes / 512, 104)
  bytes.writeUInt32BE(keyBytesOf(luks), 108)
  madeUp(luks.uuid, 'digest', 20).copy(bytes, 112)
  madeUp(luks.uuid, 'salt', 32).copy(bytes, 132)
  bytes.writeUInt32BE(1000, 164)
  bytes.write(luks.uuid, 168)
  for (let slot = 0; slot < 8; slot++) luks1Slot(bytes, slot, luks)
  return bytes
}

const SLOT_ACTIVE = 0x00ac71f3
const SLOT_FREE = 0x0000dead

function luks1Slot(bytes: Buffer, slot: number, luks: SimLuks): void {
  const at = 208 + slot * 48
  bytes.writeUInt32BE(slot === 0 ? SLOT_ACTIVE : SLOT_FREE, at)
  if (slot === 0) {
    bytes.writeUInt32BE(1000, at + 4)
    madeUp(luks.uuid, 'slot', 32).copy(bytes, at + 8)
  }
  const sectors = Math.ceil((keyBytesOf(luks) * STRIPES) / 4096) * 8
  bytes.writeUInt32BE(8 + slot * sectors, at + 40)
  bytes.writeUInt32BE(STRIPES, at + 44)
}

function luks2(luks: SimLuks): Uint8Array {
  const json = JSON.stringify(metadata(luks))
  const copies = [0, LUKS2_SIZE].map(offset => luks2Copy(luks, json, offset))
  return Buffer.concat(copies)
}

function luks2Copy({ uuid }: SimLuks, json: string, offset: number): Buffer {
  const bytes = Buffer.alloc(LUKS2_SIZE)
  bytes.write(offset === 0 ? MAGIC : MAGIC_SECOND, 0, 'latin1')
  bytes.writeUInt16BE(2, 6)
  bytes.writeBigUInt64BE(BigInt(LUKS2_SIZE), 8)
  bytes.writeBigUInt64BE(3n, 16)
  bytes.write('sha256', 72)
  madeUp(uuid, `header ${offset}`, 64).copy(bytes, 104)
  bytes.write(uuid, 168)
  bytes.writeBigUInt64BE(BigInt(offset), 256)
  bytes.write(json, BINARY_LENGTH)
  createHash('sha256').update(bytes).digest().copy(bytes, CHECKSUM_OFFSET)
  return bytes
}

function metadata(luks: SimLuks): unknown {
  const keySize = keyBytesOf(luks)
  const salt = madeUp(luks.uuid, 'salt', 32).toString('base64')
  const encryption = cipherOf(luks)
  const area = { type: 'raw', offset: String(2 * LUKS2_SIZE), size: '258048', encryption, key_size: keySize }
  const af = { type: 'luks1', stripes: STRIPES, hash: 'sha256' }
  const segment = { type: 'crypt', offset: String(luks.payloadOffsetBytes), size: 'dynamic', iv_tweak: '0' }
  const digest = madeUp(luks.uuid, 'digest', 32).toString('base64')
  const common = { hash: 'sha256', iterations: 1000, salt }
  return {
    keyslots: { 0: { type: 'luks2', key_size: keySize, af, area, kdf: derivation(luks, salt) } },
    tokens: {},
    segments: { 0: { ...segment, encryption, sector_size: 512 } },
    digests: { 0: { type: 'pbkdf2', keyslots: ['0'], segments: ['0'], ...common, digest } },
    config: { json_size: String(LUKS2_SIZE - BINARY_LENGTH), keyslots_size: '16744448' },
  }
}

function derivation({ derivation: cost }: SimLuks, salt: string): unknown {
  if (!cost || cost.memoryBytes === 0) return { type: 'pbkdf2', hash: 'sha256', iterations: 1000, salt }
  return { type: 'argon2id', time: 4, memory: cost.memoryBytes / 1024, cpus: cost.threads, salt }
}

/** Bytes that nobody can tell from random ones, and are always the same. */
const madeUp = (uuid: string, what: string, length: number): Buffer =>
  createHash('sha512').update(`${what} ${uuid}`).digest().subarray(0, length)

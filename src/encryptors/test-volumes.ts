import { open } from 'node:fs/promises'
import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import { luksFormat, luksSetUuid } from '#src/host/cryptsetup.ts'
import type { Host } from '#src/host/host.ts'
import { RIGHT } from './conformance.ts'
import type { UnlockRequest } from './encryptor.ts'

const PARAMETERS = { cipher: 'aes-xts-plain64', keySizeBits: 512 } as const

/** For tests: LUKS volumes as pool files in a folder, made by the real cryptsetup. */
export async function makeLuksFile(host: Host, folder: string, version: 1 | 2): Promise<UnlockRequest> {
  const volumeId = host.random.uuid()
  const path = `${folder}/volume-${volumeId}`
  await host.files.createSparse(path, (version === 2 ? 20 : 8) * MIB, 0o600)
  using key = new Secret(new TextEncoder().encode(RIGHT))
  await luksFormat(host, path, { version, uuid: volumeId, ...PARAMETERS }, key)
  const facts = await host.files.stat(path)
  return {
    volumeId,
    luksUuid: volumeId,
    source: {
      kind: 'file',
      path,
      sizeBytes: facts?.size ?? 0,
      identity: { inode: facts?.inode, luksUuid: volumeId },
    },
    encryption: {
      provider: version === 2 ? 'luks2' : 'luks',
      controlLocation: 'front-end',
      cipher: PARAMETERS.cipher,
      keySize: PARAMETERS.keySizeBits,
      keyId: host.random.uuid(),
    },
  }
}

/** For tests: does to the file or device what the conformance suite asks for. */
export async function spoilLuks(host: Host, path: string, how: 'damaged' | 'blank' | 'foreign'): Promise<void> {
  if (how === 'foreign') return await luksSetUuid(host, path, host.random.uuid())
  const file = await open(path, 'r+')
  try {
    // Past the magic: the header is there, and nonsense; both copies of a LUKS2 one.
    if (how === 'damaged') for (const offset of [8, 16384]) await file.write(Buffer.alloc(4096), 0, 4096, offset)
    else await file.write(Buffer.alloc(MIB), 0, MIB, 0)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** For tests: the key slot's key is derived by Argon2 with its least memory, 32 KiB, from now on. */
export async function stretchLuks(host: Host, folder: string, path: string): Promise<void> {
  const keyFile = `${folder}/${host.random.uuid()}`
  await host.files.writeAtomic(keyFile, new TextEncoder().encode(RIGHT), 0o600)
  const cost = ['--pbkdf', 'argon2id', '--pbkdf-memory', '32', '--pbkdf-parallel', '1', '--pbkdf-force-iterations', '4']
  await host.run({ tool: 'cryptsetup', args: ['luksConvertKey', '--batch-mode', ...cost, '--key-file', keyFile, path] })
  await host.files.remove(keyFile)
}

export const headOf = async (host: Host, path: string): Promise<string> =>
  Buffer.from(await host.files.readAt(path, 0, 64 * 1024)).toString('base64')

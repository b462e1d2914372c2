import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import { testPassphrase, wrongKey } from '#src/host/cryptsetup.ts'
import type { Host } from '#src/host/host.ts'
import { type LuksHeader, readLuksHeader } from '#src/host/luks-header.ts'
import type { UnlockRequest } from './encryptor.ts'

/**
 * The header of the volume, proved to be the recorded one and of the kind that the volume type asks for. Only read: what
 * is not a LUKS volume is never made one here (I5). `path`: where the head of the source can be read.
 * @throws HoldfastError `encryption-unsupported`, `not-luks`, `wrong-device`, `encryption-mismatch`
 */
export async function checkLuksVolume(
  host: Host,
  request: UnlockRequest,
  path = request.source.path,
): Promise<LuksHeader> {
  const { volumeId, source, encryption, luksUuid } = request
  if (encryption?.controlLocation !== 'front-end' || encryption.provider === 'plain') {
    const what = encryption ? `provider '${encryption.provider}', ${encryption.controlLocation}` : 'not encrypted'
    throw failure(request, 'unsupported', 'encryption-unsupported', `volume ${volumeId} (${what}) is no LUKS volume`)
  }
  const header = await headerOf(host, request, path)
  if (luksUuid !== undefined && header.uuid !== luksUuid) {
    const message = `${source.path} is not volume ${volumeId}: found the LUKS header of volume ${header.uuid}, expected ${luksUuid}`
    throw failure(request, 'unsafe', 'wrong-device', message, "put the volume's own storage back")
  }
  checkParameters(request, header)
  return header
}

async function headerOf(host: Host, request: UnlockRequest, path: string): Promise<LuksHeader> {
  const { source, volumeId } = request
  const hint = 'restore the volume or its LUKS header from a backup'
  const message = (why: string) => `volume ${volumeId} cannot be decrypted: ${why}`
  try {
    const header = await readLuksHeader(host, path)
    if (header) return header
  } catch (error) {
    if (!hasCode(error, 'luks-header-corrupt')) throw error
    throw failure(
      request,
      'corrupt',
      'not-luks',
      message((error as Error).message.replace(path, source.path)),
      hint,
      error,
    )
  }
  throw failure(request, 'corrupt', 'not-luks', message(`${source.path} has no LUKS header`), hint)
}

/** A header of another kind than recorded was not written by the volume service: it is not trusted. */
function checkParameters(request: UnlockRequest, header: LuksHeader): void {
  const { encryption, source } = request
  const differences = [
    header.version === (encryption?.provider === 'luks2' ? 2 : 1) ? [] : [`it is LUKS${header.version}`],
    encryption?.cipher === undefined || encryption.cipher === header.cipher ? [] : [`its cipher is ${header.cipher}`],
    isKeySize(encryption?.keySize, header) ? [] : [`its key has ${header.keySizeBits} bits`],
    header.payloadOffsetBytes < source.sizeBytes ? [] : ['its data would begin beyond the end of the device'],
  ].flat()
  if (differences.length === 0) return
  const { provider, cipher = 'any cipher', keySize = 'any' } = encryption ?? {}
  const message =
    `the LUKS header of volume ${request.volumeId} at ${source.path} is not as recorded (${provider}, ${cipher}, ` +
    `${keySize} bits): ${differences.join(', ')}`
  throw failure(request, 'unsafe', 'encryption-mismatch', message)
}

/**
 * XTS takes two keys. cryptsetup counts both, QEMU one of them: where a driver of Cinder lets qemu-img write the header (RBD
 * does), 256 bits are recorded and the header has 512.
 */
function isKeySize(recorded: number | undefined, { cipher, keySizeBits }: LuksHeader): boolean {
  if (recorded === undefined || recorded === keySizeBits) return true
  return cipher.includes('-xts-') && recorded * 2 === keySizeBits
}

/** @throws HoldfastError `wrong-key` (forbidden) */
export async function checkPassphrase(
  host: Host,
  request: UnlockRequest,
  passphrase: Secret,
  signal?: AbortSignal,
  path = request.source.path,
): Promise<void> {
  if (await testPassphrase(host, path, passphrase, signal)) return
  throw wrongKey(request.source.path).within({ volume: request.volumeId })
}

const failure = (
  request: UnlockRequest,
  kind: HoldfastError['kind'],
  code: string,
  message: string,
  hint?: string,
  cause?: unknown,
) =>
  new HoldfastError(kind, code, message, {
    cause,
    details: { volume: request.volumeId, layer: 'encryption', left: 'nothing was written', hint },
  })

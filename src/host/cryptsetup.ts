import type { Change } from '#src/core/change.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import { formatBytes, MIB } from '#src/core/sizes.ts'
import { commandFailed } from './command-error.ts'
import { isZero } from './copy-sparse.ts'
import type { CommandRequest, CommandResult, Host } from './host.ts'

/** What a new header will say. */
export interface LuksFormat {
  readonly version: 1 | 2
  readonly uuid: string
  /** For example `aes-xts-plain64`. */
  readonly cipher: string
  /** Of the volume key; XTS takes two keys, so 512 means AES-256. */
  readonly keySizeBits: number
}

/** Most of what is here takes milliseconds; a header of another's making may have a slow key derivation. */
const DEADLINE_MS = 120_000

/**
 * A passphrase that is a random key needs no stretching: the default derivation (2 s and up to 1 GiB of memory at each
 * open) would buy nothing.
 */
const CHEAP_DERIVATION = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'] as const

const NO_KEY_FITS = 2
const NOT_THERE = 4
const IN_USE = 5

/**
 * Size of the header of a volume that `luksFormat` makes, bytes; the guest sees so much less. Given to cryptsetup
 * explicitly, for its own choice depends on the device below.
 */
export function luksPayloadOffset(version: 1 | 2, keySizeBits: number): number {
  if (version === 2) return 16 * MIB
  if (keySizeBits <= 512) return 2 * MIB
  throw new HoldfastError('unsupported', 'encryption-unsupported', `a key of ${keySizeBits} bits is too long for LUKS1`)
}

/**
 * Writes a LUKS header with one key slot. The caller has recorded that this volume was never used; even so it is
 * refused if there is anything but zeros where the header would go (I5).
 * @throws HoldfastError `not-blank` (unsafe), `too-small` (invalid-input), `command-failed`
 */
export async function luksFormat(
  host: Host,
  path: string,
  format: LuksFormat,
  passphrase: Secret,
  signal?: AbortSignal,
): Promise<void> {
  const offset = luksPayloadOffset(format.version, format.keySizeBits)
  await checkBlank(host, path, offset)
  const args = [
    'luksFormat',
    '--batch-mode',
    '--type',
    `luks${format.version}`,
    '--uuid',
    format.uuid,
    '--cipher',
    format.cipher,
    '--key-size',
    String(format.keySizeBits),
    '--offset',
    String(offset / 512),
    ...CHEAP_DERIVATION,
    '--key-file=-',
    path,
  ]
  await cryptsetup(host, { args, input: passphrase.reveal(), signal })
}

async function checkBlank(host: Host, path: string, length: number): Promise<void> {
  const size = (await host.files.stat(path))?.size ?? 0
  if (size <= length) {
    throw new HoldfastError(
      'invalid-input',
      'too-small',
      `${path} has ${formatBytes(size)}, which leaves nothing beside a LUKS header of ${formatBytes(length)}`,
      { details: { layer: 'encryption' } },
    )
  }
  for (let offset = 0; offset < length; offset += MIB) {
    const bytes = await host.files.readAt(path, offset, MIB)
    if (bytes.length === MIB && isZero(bytes)) continue
    throw new HoldfastError(
      'unsafe',
      'not-blank',
      `${path} is not blank: there is data in the MiB at offset ${offset}. A LUKS header is only written to a new volume`,
      { details: { layer: 'encryption', left: 'nothing was written' } },
    )
  }
}

/** Whether this passphrase opens a key slot. Activates nothing, needs no device-mapper. */
export async function testPassphrase(
  host: Host,
  path: string,
  passphrase: Secret,
  signal?: AbortSignal,
): Promise<boolean> {
  const args = ['open', '--test-passphrase', '--key-file=-', path]
  const { exitCode } = await cryptsetup(host, { args, input: passphrase.reveal(), signal, okCodes: [0, NO_KEY_FITS] })
  return exitCode === 0
}

/**
 * Opens the mapping `name` over a block device.
 * @throws HoldfastError `wrong-key` (forbidden); `busy` (busy): the name or the device is in use; `command-failed`
 */
export async function luksOpen(
  host: Host,
  path: string,
  name: string,
  passphrase: Secret,
  options: { readonly allowDiscards?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const discards = options.allowDiscards ? ['--allow-discards'] : []
  const request = {
    args: ['luksOpen', '--key-file=-', ...discards, path, name],
    input: passphrase.reveal(),
    signal: options.signal,
    okCodes: [0, NO_KEY_FITS, IN_USE],
  }
  const result = await cryptsetup(host, request)
  if (result.exitCode === NO_KEY_FITS) throw wrongKey(path)
  if (result.exitCode === IN_USE) throw inUse(`${path} cannot be opened as ${name}`, request, result)
}

/**
 * Closes the mapping `name`; 'already' if there is none (exit code 4). cryptsetup itself tries for 5 s.
 * @throws HoldfastError `busy` (busy), `command-failed`
 */
export async function luksClose(host: Host, name: string, signal?: AbortSignal): Promise<Change> {
  const request = { args: ['luksClose', name], signal, okCodes: [0, NOT_THERE, IN_USE] }
  const result = await cryptsetup(host, request)
  if (result.exitCode === IN_USE) throw inUse(`mapping ${name} cannot be closed`, request, result)
  return result.exitCode === 0 ? 'made' : 'already'
}

/** Gives the header another UUID; for a copy that becomes a volume of its own. */
export async function luksSetUuid(host: Host, path: string, uuid: string, signal?: AbortSignal): Promise<void> {
  await cryptsetup(host, { args: ['luksUUID', '--batch-mode', '--uuid', uuid, path], signal })
}

/**
 * Replaces the passphrase `old` by `next`: the new key slot is written before the old one is destroyed. Both go by
 * stdin, one after the other; the length given for the first says where the second begins.
 * @throws HoldfastError `wrong-key` (forbidden): `old` opens no key slot
 */
export async function luksChangeKey(
  host: Host,
  path: string,
  old: Secret,
  next: Secret,
  signal?: AbortSignal,
): Promise<void> {
  const args = ['luksChangeKey', '--batch-mode', '--key-file=-', '--keyfile-size', String(old.length)]
  const input = new Uint8Array(old.length + next.length)
  input.set(old.reveal())
  input.set(next.reveal(), old.length)
  try {
    const request = { args: [...args, ...CHEAP_DERIVATION, path, '-'], input, signal, okCodes: [0, NO_KEY_FITS] }
    if ((await cryptsetup(host, request)).exitCode === NO_KEY_FITS) throw wrongKey(path)
  } finally {
    input.fill(0)
  }
}

const cryptsetup = (host: Host, request: Omit<CommandRequest, 'tool'>): Promise<CommandResult> =>
  host.run({ deadlineMs: DEADLINE_MS, ...request, tool: 'cryptsetup' })

export const wrongKey = (path: string) =>
  new HoldfastError('forbidden', 'wrong-key', `the volume's key does not open any key slot of ${path}`, {
    details: { layer: 'encryption', hint: 'the key at the key manager is not the one that the volume was made with' },
  })

function inUse(what: string, request: Omit<CommandRequest, 'tool'>, result: CommandResult): HoldfastError {
  const full = { ...request, tool: 'cryptsetup' } as const
  const cause = commandFailed(full, { exitCode: result.exitCode, signal: null }, result.stderr)
  const { command, exitCode } = cause.details
  return new HoldfastError('busy', 'busy', `${what}: it is in use (${cause.message})`, {
    cause,
    details: { layer: 'encryption', command, exitCode },
  })
}

/** One thing in a cpio archive. Owner and times are always zero, so equal content gives equal bytes. */
export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'file'; readonly path: string; readonly content: Uint8Array; readonly mode?: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'device'; readonly path: string; readonly major: number; readonly minor: number }

const TYPE_BITS = { directory: 0o040000, file: 0o100000, symlink: 0o120000, device: 0o020000 } as const
const TRAILER = 'TRAILER!!!'

/**
 * A cpio archive in the "newc" format, which the kernel unpacks as its initramfs (Documentation/driver-api/early-userspace
 * /buffer-format in the kernel's tree). Paths are relative; a folder must come before what lies in it.
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.map((entry, index) => record(entry, index + 1))
  return Buffer.concat([...parts, header({ ino: 0, mode: 0, size: 0, name: TRAILER })])
}

function record(entry: CpioEntry, ino: number): Buffer {
  const content = contentOf(entry)
  const mode = TYPE_BITS[entry.kind] | permissionsOf(entry)
  const device = entry.kind === 'device' ? { major: entry.major, minor: entry.minor } : {}
  return Buffer.concat([header({ ino, mode, size: content.length, name: entry.path, ...device }), padded(content)])
}

function contentOf(entry: CpioEntry): Buffer {
  if (entry.kind === 'file') return Buffer.from(entry.content)
  return entry.kind === 'symlink' ? Buffer.from(entry.target) : Buffer.alloc(0)
}

function permissionsOf(entry: CpioEntry): number {
  if (entry.kind === 'symlink') return 0o777
  if (entry.kind === 'device') return 0o600
  return entry.mode ?? (entry.kind === 'directory' ? 0o755 : 0o644)
}

interface Header {
  readonly ino: number
  readonly mode: number
  readonly size: number
  readonly name: string
  readonly major?: number
  readonly minor?: number
}

/** Thirteen fields of eight hex digits after the magic, then the name with its closing zero, to a multiple of four. */
function header({ ino, mode, size, name, major = 0, minor = 0 }: Header): Buffer {
  const nameSize = Buffer.byteLength(name) + 1
  const fields = [ino, mode, 0, 0, 1, 0, size, 0, 0, major, minor, nameSize, 0]
  const hex = fields.map(field => field.toString(16).padStart(8, '0')).join('')
  return padded(Buffer.from(`070701${hex}${name}\0`))
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}

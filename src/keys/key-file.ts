import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { FileFacts, Host } from '#src/host/host.ts'

/**
 * A file that holds a secret, and what its mode must be. `file`: our own, 0600 and ours. `credential`: given by systemd, which
 * makes it read-only. `given`: written by another program of this host; ours or root's, closed to others, and to a group that
 * may read it only if nobody may write it.
 */
export interface KeyFileSource {
  readonly path: string
  readonly kind: 'file' | 'credential' | 'given'
}

/**
 * The content of the file, which the caller wipes; undefined if there is none. `what` names it in errors: `master key`.
 * @throws HoldfastError `key-file-mode` (forbidden)
 */
export async function readKeyFile(
  host: Pick<Host, 'files'>,
  source: KeyFileSource,
  what: string,
): Promise<Secret | undefined> {
  const facts = await host.files.stat(source.path)
  if (!facts) return undefined
  checkMode(source, what, facts)
  const bytes = await host.files.read(source.path)
  return bytes && new Secret(bytes)
}

function checkMode({ path, kind }: KeyFileSource, what: string, { mode, uid }: FileFacts): void {
  const octal = `0${mode.toString(8).padStart(3, '0')}`
  const closed = (mode & 0o337) === 0
  if (kind === 'credential') {
    if (closed) return
    throw wrongMode(`credential ${path} has mode ${octal}: others may read or change it`)
  }
  const fits = kind === 'file' ? mode === 0o600 : closed || (mode & 0o077) === 0
  if (!fits) throw wrongMode(`${what} file ${path} has mode ${octal}, not 0600`, `chmod 600 ${path}`)
  const us = process.getuid?.()
  if (uid === us || (kind === 'given' && uid === 0)) return
  throw wrongMode(`${what} file ${path} belongs to user ${uid}, not ${us}`, `chown ${us} ${path}`)
}

const wrongMode = (message: string, hint?: string) =>
  new HoldfastError('forbidden', 'key-file-mode', message, { details: { hint } })

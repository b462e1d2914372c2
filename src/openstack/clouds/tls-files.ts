import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import type { TlsSettings } from '#src/http/undici-transport.ts'
import type { CloudEntry } from './cloud-entry.ts'

/** What paths that do not begin with `/` begin at; undefined: such paths are refused. */
export interface Folders {
  readonly workingDirectory: string
  readonly homeDirectory: string
}

interface PemFile {
  readonly path: string
  readonly bytes: Uint8Array
}

const CERTIFICATE = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/
/** One without a passphrase. */
const KEY = /-----BEGIN (RSA |EC |DSA )?PRIVATE KEY-----(?!\s*Proc-Type: 4,ENCRYPTED)/

/**
 * Certificates and key that an entry names by their files.
 * @throws HoldfastError `cloud-invalid` naming the file
 */
export async function tlsOf(
  { files }: Pick<Host, 'files'>,
  { where, settings }: CloudEntry,
  folders?: Folders,
): Promise<TlsSettings> {
  const invalid = (what: string, hint?: string) =>
    new HoldfastError('invalid-input', 'cloud-invalid', `${where}: ${what}`, { details: { hint } })
  const read = async (key: 'cacert' | 'cert' | 'key', holds: RegExp, what: string): Promise<PemFile | undefined> => {
    if (settings[key] === undefined) return undefined
    const path = placeOf(settings[key], folders)
    const bytes = await files.read(path)
    if (!bytes) throw invalid(`there is no ${key} file ${path}`)
    if (!holds.test(textOf(bytes))) throw invalid(`the ${key} file ${path} has no ${what}`, 'it must be PEM')
    return { path, bytes }
  }
  const [ca, cert, ownKey] = await Promise.all([
    read('cacert', CERTIFICATE, 'certificate'),
    read('cert', CERTIFICATE, 'certificate'),
    read('key', KEY, 'key that is not encrypted'),
  ])
  // One file may hold both.
  const key = ownKey ?? (cert && KEY.test(textOf(cert.bytes)) ? cert : undefined)
  if (cert && !key) throw invalid(`key is missing beside cert, and ${cert.path} has none`)
  if (key && !cert) throw invalid('cert is missing beside key')
  return {
    ca: ca?.bytes,
    certificate: cert?.bytes,
    key: key && new Secret(key.bytes.slice()),
    insecure: /^(true|1|yes|on)$/i.test(settings.insecure ?? ''),
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

function placeOf(path: string, folders: Folders | undefined): string {
  if (!folders || path.startsWith('/')) return path
  return path.startsWith('~/') ? folders.homeDirectory + path.slice(1) : `${folders.workingDirectory}/${path}`
}

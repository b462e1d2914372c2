import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { formatBytes } from '#src/core/sizes.ts'
import type { FileFacts, Host } from '#src/host/host.ts'
import { readLuksHeader } from '#src/host/luks-header.ts'

/** What lies at the volume's path, proved to be the volume's own. */
export interface Identified {
  readonly facts: FileFacts
  /** Of the header that is there; undefined if there is none that can be read. */
  readonly luksUuid?: string | undefined
}

/**
 * Looks at what lies at the volume's path and proves that it is the volume's (I2): its size, and the file itself by
 * inode and birth time. An encrypted volume with the right LUKS UUID may be another file: it was restored from a backup.
 * Reads only.
 * @throws HoldfastError `storage-absent` (unavailable), `wrong-device` (unsafe)
 */
export async function identify(host: Host, info: LocalConnectionInfo): Promise<Identified> {
  const { device_path: path, inode, luks_uuid: wanted } = info.data
  const facts = await host.files.stat(path)
  if (!facts) throw absent(info)
  if (facts.kind !== 'file' && facts.kind !== 'block') throw await wrongDevice(host, info, `found a ${facts.kind}`)
  if (facts.size !== info.data.size_bytes) {
    const sizes = `found ${sizeOf(facts.size)} where ${sizeOf(info.data.size_bytes)} were expected`
    throw await wrongDevice(host, info, `${sizes}${await whose(host, info)}`)
  }
  const luksUuid = wanted === undefined ? undefined : await headerUuid(host, path)
  if (luksUuid !== undefined && luksUuid !== wanted) throw await wrongDevice(host, info, `found ${another(luksUuid)}`)
  if (facts.inode === inode || (luksUuid !== undefined && luksUuid === wanted)) return { facts, luksUuid }
  throw await wrongDevice(host, info, `found another file (inode ${facts.inode}, expected ${inode})`)
}

/**
 * The same question for teardown: a file that is not the volume's own is left alone, and no error. The volume's own one
 * is, whatever its size has become.
 */
export async function identifyOrNothing(host: Host, info: LocalConnectionInfo): Promise<FileFacts | undefined> {
  const facts = await host.files.stat(info.data.device_path)
  if (facts?.kind === 'file' && facts.inode === info.data.inode) return facts
  try {
    return (await identify(host, info)).facts
  } catch (error) {
    if (hasCode(error, 'storage-absent') || hasCode(error, 'wrong-device')) return undefined
    throw error
  }
}

/** A header that is damaged proves nothing; what to do about it is the encryptor's to say. */
async function headerUuid(host: Host, path: string): Promise<string | undefined> {
  try {
    return (await readLuksHeader(host, path))?.uuid
  } catch (error) {
    if (hasCode(error, 'luks-header-corrupt')) return undefined
    throw error
  }
}

const absent = (info: LocalConnectionInfo) =>
  new HoldfastError(
    'unavailable',
    'storage-absent',
    `the storage of volume ${info.volume_id} is not there: nothing at ${info.data.device_path}`,
    {
      details: {
        volume: info.volume_id,
        layer: 'connection',
        hint: 'bring the storage back (is the pool mounted?), then try again',
      },
    },
  )

async function wrongDevice(host: Host, info: LocalConnectionInfo, found: string): Promise<HoldfastError> {
  const { device_path: path } = info.data
  const elsewhere = await whereIs(host, info)
  const where = elsewhere === undefined ? '' : `; the volume's own file is at ${elsewhere}`
  const message = `${path} is not volume ${info.volume_id}: ${found}${where}`
  return new HoldfastError('unsafe', 'wrong-device', message, {
    details: {
      volume: info.volume_id,
      layer: 'connection',
      left: 'nothing was touched',
      hint:
        elsewhere === undefined
          ? `put the volume's own storage back at ${path}`
          : `move ${elsewhere} back to ${path}, after what is there now was moved to its own place`,
    },
  })
}

const sizeOf = (bytes: number): string => `${bytes} bytes (${formatBytes(bytes)})`

/** Our LUKS UUIDs are volume ids. */
const another = (luksUuid: string): string => `the LUKS header of volume ${luksUuid}`

async function whose(host: Host, info: LocalConnectionInfo): Promise<string> {
  const uuid = await headerUuid(host, info.data.device_path)
  if (uuid === undefined || uuid === info.data.luks_uuid) return ''
  return `, with ${another(uuid)}`
}

/** Where in the same folder the file with the volume's inode is now. */
async function whereIs(host: Host, info: LocalConnectionInfo): Promise<string | undefined> {
  const folder = info.data.device_path.replace(/\/[^/]*$/, '')
  for (const name of await host.files.list(folder)) {
    const path = `${folder}/${name}`
    if (path === info.data.device_path) continue
    const facts = await host.files.stat(path)
    if (facts?.kind === 'file' && facts.inode === info.data.inode && facts.size === info.data.size_bytes) return path
  }
  return undefined
}

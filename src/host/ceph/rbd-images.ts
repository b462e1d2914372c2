import type { NetworkDisk } from '#src/core/disk.ts'
import { HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { Host } from '../host.ts'
import { type ScratchFile, withMemoryFile, withScratchFile } from '../memory-file.ts'
import type { CephKeys } from './keys.ts'
import { checkNetworkDisk, monitorAddress } from './names.ts'

/** For a monitor's answer, unless told, and for each answer later; librados itself would wait for ever. */
const CONNECT_SECONDS = 10
const ANSWER_SECONDS = 20
/** Of the whole look, should librados not keep to its own limits. */
const LOOK_DEADLINE_MS = 45_000
/** LUKS1's header and key slots take 2 MiB, twice that with the longest keys; it is one object of an image, too. */
const HEAD_MIB = 4

/**
 * Looks at images of a Ceph cluster as QEMU sees them, through librbd; nothing is mapped, nothing written. Codes:
 * `storage-absent` (unavailable), `storage-unreachable` (unavailable: no monitor answers), `storage-forbidden` (forbidden: the
 * key is refused, or has no right to the pool), `block-driver-missing` (unsupported), and those of `CephKeys.of`.
 */
export class RbdImages {
  readonly #host: Host
  readonly #keys: Pick<CephKeys, 'of' | 'folder'>
  readonly #connectSeconds: number

  constructor(
    host: Host,
    keys: Pick<CephKeys, 'of' | 'folder'>,
    { connectSeconds = CONNECT_SECONDS }: { readonly connectSeconds?: number } = {},
  ) {
    this.#host = host
    this.#keys = keys
    this.#connectSeconds = connectSeconds
  }

  /** Size of the image, bytes. */
  async size(disk: NetworkDisk, signal?: AbortSignal): Promise<number> {
    return await this.#withAccess(disk, signal, async ({ secret, image }) => {
      const said = await this.#run(disk, ['info', ...secret, '-U', '--output=json', image], signal)
      return parseSize(disk, said)
    })
  }

  /**
   * Gives `work` a path of a file with the first 4 MiB of the image, of the image's size, that reads as zeros beyond: LUKS1's
   * whole header with its key slots. It is in memory and gone when `work` has settled.
   */
  async withHead<T>(
    disk: NetworkDisk,
    sizeBytes: number,
    work: (path: string) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return await withScratchFile(async file => {
      await this.#readHead(disk, file, signal)
      file.resize(sizeBytes)
      return await work(file.path)
    })
  }

  async #readHead(disk: NetworkDisk, file: ScratchFile, signal?: AbortSignal): Promise<void> {
    await this.#withAccess(disk, signal, async ({ secret, image }) => {
      const amount = ['bs=1M', `count=${HEAD_MIB}`]
      await this.#run(disk, ['dd', ...secret, '-U', '-O', 'raw', ...amount, `if=${image}`, `of=${file.path}`], signal)
    })
  }

  /** Configuration and key go by files in memory, so that neither is in an argument (I6) or on a disk. */
  async #withAccess<T>(
    disk: NetworkDisk,
    signal: AbortSignal | undefined,
    work: (access: { readonly secret: readonly string[]; readonly image: string }) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    checkNetworkDisk(disk)
    const conf = new Secret(new TextEncoder().encode(await this.#configuration(disk)))
    return await withMemoryFile(conf, async confPath => {
      if (!disk.auth) return await work({ secret: [], image: imageOption(disk, confPath) })
      using key = await this.#keys.of(disk, signal)
      return await withMemoryFile(key, async keyPath => {
        const secret = ['--object', `secret,id=key0,format=raw,file=${keyPath}`]
        return await work({ secret, image: imageOption(disk, confPath, 'key0') })
      })
    })
  }

  /** The operator's configuration of the cluster where there is one; the monitors and limits are ours. */
  async #configuration({ auth, key, hosts }: NetworkDisk): Promise<string> {
    const path = `${this.#keys.folder}/${key?.cluster ?? 'ceph'}.conf`
    const theirs = new TextDecoder().decode((await this.#host.files.read(path)) ?? new Uint8Array())
    const ours = [
      `[client.${auth?.username ?? 'admin'}]`,
      `mon_host = ${hosts.map(monitorAddress).join(',')}`,
      `client_mount_timeout = ${this.#connectSeconds}`,
      `rados_mon_op_timeout = ${this.#connectSeconds}`,
      `rados_osd_op_timeout = ${ANSWER_SECONDS}`,
      'admin_socket =',
      ...(auth ? [] : ['auth_client_required = none']),
    ]
    return [theirs, ...ours, ''].join('\n')
  }

  async #run(disk: NetworkDisk, args: readonly string[], signal?: AbortSignal): Promise<string> {
    try {
      return (await this.#host.run({ tool: 'qemu-img', args, deadlineMs: LOOK_DEADLINE_MS, signal })).stdout
    } catch (error) {
      throw translated(disk, error)
    }
  }
}

/** The image in QEMU's own notation, where no value can end early. */
function imageOption(disk: NetworkDisk, conf: string, secret?: string): string {
  const { pool, namespace, image } = checkNetworkDisk(disk)
  const user = disk.auth?.username
  return `json:${JSON.stringify({ driver: 'rbd', pool, namespace, image, user, conf, 'key-secret': secret })}`
}

function parseSize(disk: NetworkDisk, text: string): number {
  const size = sizeIn(text)
  if (Number.isSafeInteger(size) && Number(size) > 0) return Number(size)
  throw new HoldfastError('host-command', 'command-failed', `qemu-img tells no size of image ${disk.name}`, {
    details: { layer: 'connection', command: 'qemu-img info' },
  })
}

function sizeIn(text: string): unknown {
  try {
    const said: unknown = JSON.parse(text)
    return typeof said === 'object' && said !== null ? Reflect.get(said, 'virtual-size') : undefined
  } catch {
    return undefined
  }
}

/** What QEMU's rbd driver says (`block/rbd.c`), with the system's word for the cause behind it. */
function translated(disk: NetworkDisk, error: unknown): unknown {
  if (!isHoldfastError(error)) return error
  const monitors = disk.hosts.map(monitorAddress).join(', ')
  if (error.code === 'timeout') return unreachable(disk, monitors, error)
  if (!hasCode(error, 'command-failed')) return error
  const said = error.message
  if (/Unknown (driver|protocol) '?rbd/.test(said)) return rbdDriverMissing('qemu-img', error)
  if (/error connecting: (Permission denied|Operation not permitted)/.test(said)) {
    return forbidden(disk, 'the cluster refuses its key', error)
  }
  if (/(opening pool|reading header)[^:]*: (Operation not permitted|Permission denied)/.test(said)) {
    return forbidden(disk, 'it has no right to the pool', error)
  }
  if (/error connecting:/.test(said)) return unreachable(disk, monitors, error)
  if (/(opening pool|reading header)[^:]*: (Connection timed out)/.test(said)) return unreachable(disk, monitors, error)
  if (/opening pool[^:]*: No such file|namespace '[^']*' does not exist/.test(said)) return absent(disk, 'pool', error)
  if (/reading header[^:]*: No such file/.test(said)) return absent(disk, 'image', error)
  return error.within({ layer: 'connection' })
}

const absent = ({ name }: NetworkDisk, what: 'pool' | 'image', cause: unknown) =>
  new HoldfastError('unavailable', 'storage-absent', `the cluster has no ${what} for ${name}`, {
    cause,
    details: { layer: 'connection', hint: 'bring the storage back, then try again' },
  })

const unreachable = ({ name }: NetworkDisk, monitors: string, cause: unknown) =>
  new HoldfastError(
    'unavailable',
    'storage-unreachable',
    `image ${name} cannot be reached: no answer from ${monitors}`,
    {
      cause,
      details: { layer: 'connection', hint: 'are the Ceph monitors up, and is there a way to them from this host?' },
    },
  )

const forbidden = ({ name, auth }: NetworkDisk, why: string, cause: unknown) =>
  new HoldfastError('forbidden', 'storage-forbidden', `Ceph user '${auth?.username}' may not open ${name}: ${why}`, {
    cause,
    details: { layer: 'connection', hint: `see 'ceph auth get client.${auth?.username}'` },
  })

/** QEMU was built without Ceph, or the module is not installed. */
export const rbdDriverMissing = (program: string, cause?: unknown) =>
  new HoldfastError('unsupported', 'block-driver-missing', `${program} of this host cannot open RBD images`, {
    cause,
    details: { hint: "install QEMU's module for it: apt-get install qemu-block-extra" },
  })

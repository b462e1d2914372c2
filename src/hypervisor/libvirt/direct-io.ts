import type { GuestSource } from '#src/core/disk.ts'
import type { Host } from '#src/host/host.ts'
import type { Context } from './context.ts'

/**
 * Whether files can be opened with O_DIRECT, by a try: QEMU's own tool opens the file as the guest would. The answer
 * belongs to the file system, so each is tried once.
 */
export class DirectIo {
  readonly #host: Host
  readonly #answers = new Map<string, boolean>()

  constructor(host: Host) {
    this.#host = host
  }

  /** A file that cannot be opened at all counts as able: the start of the domain says better what is wrong. */
  async works(path: string, signal?: AbortSignal): Promise<boolean> {
    const device = (await this.#host.files.stat(path))?.device
    const known = device === undefined ? true : this.#answers.get(device)
    if (device === undefined || known !== undefined) return known ?? true
    const file = { driver: 'file', filename: path, cache: { direct: true } }
    const { exitCode, stderr } = await this.#host.run({
      tool: 'qemu-img',
      args: ['info', '--force-share', '--output=json', `json:${JSON.stringify({ driver: 'raw', file })}`],
      okCodes: [0, 1],
      signal,
    })
    const works = exitCode === 0 || !stderr.includes('O_DIRECT')
    this.#answers.set(device, works)
    return works
  }
}

/** True for a file on a file system without O_DIRECT; block devices always have it. */
export const isBuffered = async (context: Context, source: GuestSource, signal?: AbortSignal): Promise<boolean> =>
  source.kind === 'file' && !(await context.directIo(source.path, signal))

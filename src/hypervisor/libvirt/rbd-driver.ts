import { rbdDriverMissing } from '#src/host/ceph/rbd-images.ts'
import type { Host } from '#src/host/host.ts'

/** A path at which nothing can be: with the driver there QEMU ends over this, and asks no cluster. */
const NO_CONFIGURATION = '/dev/null/ceph.conf'

/** Whether QEMU can open RBD images, by a try. What was there once is not looked for again. */
export class RbdDriver {
  readonly #host: Host
  #there = false

  constructor(host: Host) {
    this.#host = host
  }

  /** @throws HoldfastError `block-driver-missing` (unsupported) */
  async check(signal?: AbortSignal): Promise<void> {
    if (this.#there) return
    const image = { driver: 'rbd', 'node-name': 'try', pool: 'p', image: 'i', conf: NO_CONFIGURATION }
    const { stderr } = await this.#host.run({
      tool: 'qemu-system-x86_64',
      args: ['-machine', 'none', '-nodefaults', '-display', 'none', '-blockdev', JSON.stringify(image)],
      okCodes: [1],
      deadlineMs: 20_000,
      signal,
    })
    if (/Unknown driver|Unknown protocol/.test(stderr)) throw rbdDriverMissing('QEMU').within({ layer: 'presentation' })
    this.#there = true
  }
}

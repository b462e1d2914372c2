import { basename } from 'node:path'
import type { Change } from '#src/core/change.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { Host } from '#src/host/host.ts'
import { readAttribute } from '#src/host/sysfs.ts'
import type { Nic, NicSpec, TapFacts } from '../nic.ts'

/** Linux: at most 15 characters, no slash, no blank; narrower here, so that a name is never a path or an option (I10). */
const INTERFACE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/
/** `IFF_TAP` of `linux/if_tun.h`, in `tun_flags` of sysfs. */
const IFF_TAP = 0x0002
const NET = '/sys/class/net'
const DEADLINE_MS = 20_000

/**
 * Interfaces on a Linux bridge. libvirt makes the tap when the domain starts and puts it on the bridge; the kernel
 * removes it with its domain, so there is only something to do where a persistent tap was left over.
 */
export class BridgeNic implements Nic {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  async check(nic: NicSpec, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    checkNames(nic)
    if (!(await this.#host.files.stat(`/sys/class/net/${nic.bridge}/bridge`))) throw await this.#noBridge(nic)
    if ((await this.#kind(nic.tap)) === 'other') throw inTheWay(nic)
  }

  async plug(nic: NicSpec, signal?: AbortSignal): Promise<Change> {
    await this.check(nic, signal)
    return 'already'
  }

  async unplug(nic: NicSpec, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    checkNames(nic)
    if ((await this.#kind(nic.tap)) !== 'tap') return 'already'
    try {
      const args = ['link', 'delete', 'dev', nic.tap]
      await this.#host.run({ tool: 'ip', args, deadlineMs: DEADLINE_MS, signal })
      return 'made'
    } catch (error) {
      if (hasCode(error, 'command-failed') && (await this.#kind(nic.tap)) === undefined) return 'already'
      throw error
    }
  }

  async list(signal?: AbortSignal): Promise<readonly TapFacts[]> {
    signal?.throwIfAborted()
    const { files } = this.#host
    const names = (await files.stat(NET)) ? await files.list(NET) : []
    const taps: TapFacts[] = []
    for (const name of names.toSorted()) {
      if ((await this.#kind(name)) !== 'tap') continue
      // Only a port of a Linux bridge has it; `master` may also be a bond, a VRF or Open vSwitch.
      const bridge = await files.realPath(`${NET}/${name}/brport/bridge`)
      taps.push(bridge === undefined ? { name } : { name, bridge: basename(bridge) })
    }
    return taps
  }

  async #kind(name: string): Promise<'tap' | 'other' | undefined> {
    const { files } = this.#host
    if (!(await files.stat(`/sys/class/net/${name}`))) return undefined
    const flags = await readAttribute(this.#host, `${NET}/${name}/tun_flags`)
    return (Number(flags || 0) & IFF_TAP) === IFF_TAP ? 'tap' : 'other'
  }

  async #noBridge(nic: NicSpec): Promise<HoldfastError> {
    const there = await this.#kind(nic.bridge)
    const message = there === undefined ? `there is no bridge ${nic.bridge}` : `${nic.bridge} is not a bridge`
    return new HoldfastError('not-found', 'bridge-not-found', `${message}, which port ${nic.portId} needs`, {
      details: { hint: `make it: ip link add ${nic.bridge} type bridge && ip link set ${nic.bridge} up` },
    })
  }
}

function checkNames(nic: NicSpec): void {
  for (const name of [nic.bridge, nic.tap]) {
    if (INTERFACE_NAME.test(name)) continue
    const message = `${JSON.stringify(name.slice(0, 40))} of port ${nic.portId} is no name for a network interface`
    throw new HoldfastError('invalid-input', 'invalid-name', message, {
      details: { hint: 'use 1 to 15 letters, digits, dots, dashes or underscores' },
    })
  }
}

const inTheWay = (nic: NicSpec) =>
  new HoldfastError(
    'conflict',
    'interface-foreign',
    `network interface ${nic.tap} is there and is no tap; port ${nic.portId} needs this name`,
    { details: { left: 'it was not touched' } },
  )

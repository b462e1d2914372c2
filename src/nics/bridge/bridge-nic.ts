import type { Change } from '#src/core/change.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Host } from '#src/host/host.ts'
import type { Nic, NicSpec } from '../nic.ts'

const NET = '/sys/class/net'

/**
 * Interfaces on a Linux bridge. libvirt makes the tap when the domain starts and removes it when the domain ends; what is
 * left to do here is to see that the bridge is there, and to remove the tap of a domain that died without libvirt.
 */
export class BridgeNic implements Nic {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  async check({ bridge }: NicSpec): Promise<void> {
    if (await this.#host.files.stat(`${NET}/${bridge}/bridge`)) return
    const other = await this.#host.files.stat(`${NET}/${bridge}`)
    const what = other ? `network interface '${bridge}' is not a bridge` : `there is no bridge '${bridge}' on this host`
    throw new HoldfastError('not-found', 'bridge-not-found', what, {
      details: { hint: `make it: ip link add name ${bridge} type bridge && ip link set ${bridge} up` },
    })
  }

  async plug(nic: NicSpec): Promise<Change> {
    await this.check(nic)
    return 'already'
  }

  async unplug({ tap }: NicSpec, signal?: AbortSignal): Promise<Change> {
    if (!(await this.#host.files.stat(`${NET}/${tap}`))) return 'already'
    if (!(await this.#host.files.stat(`${NET}/${tap}/tun_flags`))) {
      throw new HoldfastError(
        'unsafe',
        'interface-foreign',
        `network interface '${tap}' is not a tap; it is left alone`,
        {
          details: { hint: 'rename it: the name is that of an interface of this instance' },
        },
      )
    }
    await this.#host.run({ tool: 'ip', args: ['link', 'delete', 'dev', tap], okCodes: [0, 1], signal })
    if (!(await this.#host.files.stat(`${NET}/${tap}`))) return 'made'
    throw new HoldfastError('busy', 'busy', `tap '${tap}' could not be removed`, {
      details: { hint: `see what holds it: ip -d link show ${tap}` },
    })
  }
}

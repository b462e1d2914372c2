import { LocalConnector } from '#src/connectors/local/local-connector.ts'
import { LuksEncryptor } from '#src/encryptors/luks/luks-encryptor.ts'
import type { Parts } from '#src/engine/parts.ts'
import { BridgeNic } from '#src/nics/bridge/bridge-nic.ts'
import { createSimHost } from '#src/sim/host.ts'
import { simTools } from '#src/sim/tools/tools.ts'
import type { World } from '#src/sim/world.ts'
import { POOL, Rig } from './rig.ts'

export type RealParts = Pick<Parts, 'connectors' | 'encryptors' | 'nic'>

/**
 * The connector, the encryptor by dm-crypt and the network interface as they are, over the commands, the files and the kernel
 * of a simulated host: what one process has, so that each process needs its own. `none` and the rest stay as they were.
 */
export function realParts(world: World, { encryptors }: Pick<Parts, 'encryptors'>): RealParts {
  if (!world.files.has(POOL)) world.addFile(POOL, { kind: 'directory', mode: 0o711 })
  const host = createSimHost(world, simTools(world))
  return {
    connectors: new Map([['local', new LocalConnector(host, { pool: POOL })]]),
    encryptors: { ...encryptors, 'dm-crypt': new LuksEncryptor(host) },
    nic: new BridgeNic(host),
  }
}

/** A rig whose processes have these. */
export class RealRig extends Rig {
  override open(): void {
    super.open()
    Object.assign(this.parts, realParts(this.world, this.parts))
  }
}

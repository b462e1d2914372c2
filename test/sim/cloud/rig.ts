import type { VolumeServices } from '#src/engine/parts.ts'
import { BarbicanKeyManager } from '#src/keys/barbican/barbican-key-manager.ts'
import { addKeyring, keyringPath } from '#src/sim/ceph.ts'
import { SimCloud } from '#src/sim/cloud/cloud.ts'
import type { CloudSettings } from '#src/sim/cloud/state.ts'
import { SimRbdConnector } from '#src/sim/rbd-connector.ts'
import { World } from '#src/sim/world.ts'
import { CinderVolumeService } from '#src/volumes/cinder/cinder-volume-service.ts'
import { Rig } from '../rig.ts'
import { sealer } from './sealer.ts'
import { sessionOn } from './session.ts'

export const CLOUD = 'lab'

/** The volume service and the key manager of one process: the real ones, over HTTP to the simulated cloud. */
export function cloudServices(world: World): VolumeServices {
  const session = sessionOn(world)
  const volumes = new CinderVolumeService({
    client: session.client('block-storage'),
    host: world,
    hostName: world.hostName,
    sealer,
    attachments: 'auto',
    attachmentDeadlineMs: 60_000,
  })
  return { volumes, keys: new BarbicanKeyManager(world, session.client('key-manager')) }
}

/** A rig whose instances have volumes of the simulated cloud, images of Ceph. */
export class CloudRig extends Rig {
  override open(): void {
    super.open()
    const { world } = this
    if (!world.files.has(keyringPath('ceph', 'cinder'))) addKeyring(world, 'cinder')
    const services = cloudServices(world)
    Object.assign(this.parts, {
      clouds: () => services,
      cloud: CLOUD,
      connectors: new Map([...this.parts.connectors, ['rbd', new SimRbdConnector(world)]]),
    })
  }

  get services(): VolumeServices {
    const services = this.parts.clouds?.(CLOUD)
    if (services) return services
    throw new Error('the rig is not open')
  }

  override async volume(provider?: 'luks' | 'luks2', request: { multiattach?: boolean } = {}): Promise<string> {
    const volumeType = request.multiattach ? 'ceph-multiattach' : provider ? 'ceph-luks' : 'ceph'
    const { volumes } = this.services
    const { id } = await volumes.create({ size: 1, volumeType })
    await volumes.settled(id)
    return id
  }
}

export function openCloudRig(settings: Partial<CloudSettings> = {}): CloudRig {
  const world = new World({ seed: 1 })
  new SimCloud(world, settings)
  return new CloudRig({ world })
}

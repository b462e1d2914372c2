import { SimCloud } from '#src/sim/cloud/cloud.ts'
import { World } from '#src/sim/world.ts'
import { CinderVolumeService } from '#src/volumes/cinder/cinder-volume-service.ts'
import { volumeServiceConformance } from '#src/volumes/conformance.ts'
import { sealer } from './sealer.ts'
import { sessionOn } from './session.ts'

const PREFIX = 'test-'

/** `admin`: types, completions of swaps and quotas are an administrator's. */
for (const backend of ['lab', 'ceph'] as const) {
  volumeServiceConformance(
    `Cinder on the simulated cloud, ${backend}`,
    async ({ quotas } = {}) => {
      const world = new World()
      const cloud = new SimCloud(world, { backend, defaultType: backend, flatten: true })
      const projectId = cloud.projectId('admin')
      if (quotas) {
        const unlimited = { volumes: -1, gigabytes: -1, snapshots: -1, per_volume_gigabytes: -1 }
        cloud.state.quotas.set(projectId, { ...unlimited, ...quotas })
      }
      const session = sessionOn(world, { user: 'admin' })
      const service = new CinderVolumeService({
        client: session.client('block-storage'),
        host: world,
        hostName: world.hostName,
        sealer,
      })
      return {
        service,
        hostName: world.hostName,
        availabilityZone: 'nova',
        hasKey: async keyId => cloud.state.secrets.has(keyId),
        connector: { initiator: 'iqn.1993-08.org.debian:01:abcdef012345' },
        dispose: async () => await session.close(),
      }
    },
    {
      ownStorage: false,
      defaultType: backend,
      multiattachType: backend === 'lab' ? 'multiattach' : 'ceph-multiattach',
      typePrefix: PREFIX,
      defaultKeySize: 256,
      largestSize: 2 ** 31 - 1,
      coarseTimes: true,
      ownWords: true,
    },
  )
}

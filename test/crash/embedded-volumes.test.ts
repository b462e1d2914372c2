import { type FaultCase, faultSuite } from '#src/volumes/local/fault-suite.ts'
import type { LocalVolumeService } from '#src/volumes/local/local-volume-service.ts'

const luks = async (service: LocalVolumeService) =>
  (await service.createVolumeType({ name: 'luks2', encryption: { provider: 'luks2' } })).id

const encrypted = async (service: LocalVolumeService) =>
  (await service.create({ size: 1, volumeType: await luks(service) })).id

const WRITING: readonly FaultCase[] = [
  { name: 'create, encrypted', prepare: luks, verb: (service, volumeType) => service.create({ size: 1, volumeType }) },
  {
    name: 'create with image, encrypted',
    prepare: luks,
    verb: (service, volumeType, imageFile) => service.create({ imageFile, volumeType }),
  },
  {
    name: 'clone, encrypted, larger',
    prepare: encrypted,
    verb: (service, sourceVolumeId) => service.create({ sourceVolumeId, size: 2 }),
  },
  { name: 'snapshot, encrypted', prepare: encrypted, verb: (service, id) => service.createSnapshot(id, {}) },
  {
    name: 'reimage, encrypted',
    prepare: encrypted,
    verb: (service, id, imageFile) => service.reimageVolume(id, { imageFile, reimageReserved: false }),
  },
]

const DELETING: readonly FaultCase[] = [
  { name: 'delete, encrypted', prepare: encrypted, verb: (service, id) => service.delete(id) },
  {
    name: 'delete snapshot, encrypted',
    prepare: async service => (await service.createSnapshot(await encrypted(service), {})).id,
    verb: (service, id) => service.deleteSnapshot(id),
  },
]

faultSuite(WRITING, DELETING)

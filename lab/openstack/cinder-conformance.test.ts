import { randomUUID } from 'node:crypto'
import { after, before, describe } from 'node:test'
import { volumeServiceConformance } from '#src/volumes/conformance.ts'
import { HOST_NAME, LabProject } from './cinder-project.ts'
import { type Lab, openstackLab } from './cloud.ts'

describe('a real Cinder', () => {
  let lab: Lab
  before(async () => {
    lab = await openstackLab()
  })
  after(async () => await lab?.stop())

  volumeServiceConformance(
    'a real Cinder',
    async settings => {
      const project = await LabProject.make(lab, settings)
      return {
        service: project.service,
        hostName: HOST_NAME,
        availabilityZone: 'nova',
        connector: { ip: '127.0.0.1', initiator: 'iqn.1993-08.org.debian:01:conformance' },
        hasKey: id => project.hasKey(id),
        typeMade: type => project.pinType(type.id),
        dispose: () => project.dispose(),
      }
    },
    {
      ownStorage: false,
      defaultType: 'lab',
      multiattachType: 'multiattach',
      typePrefix: `suite-${randomUUID().slice(0, 8)}-`,
      defaultKeySize: 256,
      copiesEncrypted: false,
      largestSize: 2 ** 31 - 1,
      coarseTimes: true,
      ownWords: true,
    },
  )
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cephSecretUuid, cephUsage } from '#src/sim/ceph.ts'
import { simStoreDisk } from '#src/sim/store.ts'
import type { InstanceRecord } from '#src/store/records.ts'
import { violations } from '../invariants.ts'
import { type CloudRig, openCloudRig } from './rig.ts'
import { cloudOf } from './rows.ts'

interface Wrong {
  readonly name: string
  readonly told: RegExp
  readonly leave: (rig: CloudRig, id: string, volumes: readonly [string, string]) => unknown
}

const rowOf = (rig: CloudRig, volumeId: string) => {
  const row = cloudOf(rig.world)?.volumes.get(volumeId)
  assert.ok(row)
  return row
}

/** What somebody may do behind Holdfast's back, and the line that tells it. The second volume is not attached. */
const WRONGS: readonly Wrong[] = [
  {
    name: 'an attachment is left',
    told: /^I4 attachment .* is left over/,
    leave: (rig, id, [, b]) => rig.services.volumes.attachmentCreate({ volumeId: b, instanceId: id }),
  },
  ...(['reserved', 'attaching', 'detaching'] as const).map(
    (status): Wrong => ({
      name: `a volume is left ${status}`,
      told: new RegExp(`^I4 volume .* is '${status}', not 'available'`),
      leave: (rig, _, [, b]) => Object.assign(rowOf(rig, b), { status }),
    }),
  ),
  {
    name: 'a guest has a volume that is not attached to it',
    told: /^I2 the guest of instance .* which is not attached to it any more/,
    leave: rig => cloudOf(rig.world)?.attachments.clear(),
  },
  {
    name: 'the key of a Ceph user is left',
    told: /^I4 secret .* is left over/,
    leave: ({ world }, _, [, b]) =>
      world.secrets.set(cephSecretUuid(b), { uuid: cephSecretUuid(b), usage: cephUsage(b), purpose: 'ceph' }),
  },
  {
    name: 'a passphrase is left',
    told: /^I4 secret .* is left over/,
    leave: ({ world }, _, [, b]) => world.secrets.set(b, { uuid: b, usage: b }),
  },
  {
    name: 'an image is gone',
    told: /^I5 the image of volume .* is gone/,
    leave: ({ world }, _, [, b]) => world.files.delete(`rbd:volumes/volume-${b}`),
  },
  {
    name: 'a header is gone',
    told: /^I5 the LUKS header of volume .* is gone/,
    leave: ({ world }, _, [a]) => Object.assign(world.files.get(`rbd:volumes/volume-${a}`) ?? {}, { luks: undefined }),
  },
  {
    name: 'a key of Barbican is told',
    told: /^I6 key .* is to be read in a row of the store/,
    leave: ({ world }, id) => {
      const [secret] = cloudOf(world)?.secrets.values() ?? []
      const instances = simStoreDisk(world).rows.instances as Map<string, InstanceRecord>
      const row = instances.get(id)
      assert.ok(row && secret?.payload)
      instances.set(id, { ...row, name: Buffer.from(secret.payload).toString('hex') })
    },
  },
]

describe('the invariants tell with volumes of a cloud, when', () => {
  for (const { name, told, leave } of WRONGS) {
    it(name, async () => {
      const rig = openCloudRig()
      const volumes = [await rig.volume('luks'), await rig.volume()] as const
      const id = await rig.instance('web', volumes.slice(0, 1))
      assert.deepEqual(violations(rig), [])
      await leave(rig, id, volumes)
      const lines = violations(rig)
      assert.ok(
        lines.some(line => told.test(line)),
        lines.join('\n'),
      )
    })
  }
})

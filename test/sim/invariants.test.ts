import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { simVolumeState } from '#src/sim/volume-state.ts'
import { unfinished, violations } from './invariants.ts'
import { Rig } from './rig.ts'

/** What somebody may do to a host behind Holdfast's back, and the line that tells it. */
const WRONGS: readonly {
  readonly name: string
  readonly told: RegExp
  readonly leave: (rig: Rig, id: string, volumes: readonly [string, string]) => unknown
}[] = [
  {
    name: 'a guest reads ciphertext',
    told: /^I1 vda of instance .* is the ciphertext/,
    leave: (rig, _, [a]) => {
      const mapping = rig.world.mappings.get(`crypt-${a}`)
      assert.ok(mapping)
      rig.world.mappings.set(mapping.name, { ...mapping, target: 'linear' })
    },
  },
  {
    name: 'a guest reads the other volume',
    told: /^I2 vda of instance .* is the data of/,
    leave: (rig, _, [a, b]) => {
      const mapping = rig.world.mappings.get(`crypt-${a}`)
      const other = rig.world.mappings.get(`crypt-${b}`)
      assert.ok(mapping && other)
      rig.world.mappings.set(mapping.name, { ...mapping, over: other.over })
    },
  },
  {
    name: 'a mapping of no volume of ours is left',
    told: /^I4 mapping crypt-other is left over/,
    leave: rig =>
      rig.world.mappings.set('crypt-other', {
        name: 'crypt-other',
        target: 'crypt',
        dmUuid: '',
        over: '',
        sizeBytes: 0,
      }),
  },
  {
    name: 'a stopped instance keeps its mapping',
    told: /^I4 mapping crypt-.* is left over/,
    leave: async (rig, id, [a]) => {
      const mapping = rig.world.mappings.get(`crypt-${a}`)
      assert.ok(mapping)
      await rig.instances.stop(id)
      rig.world.mappings.set(mapping.name, mapping)
    },
  },
  {
    name: 'an attachment is left',
    told: /^I4 attachment .* is left over/,
    leave: (rig, _, [a]) => {
      const state = simVolumeState(rig.world)
      const [row] = state.attachmentsOf({ volumeId: a })
      assert.ok(row)
      state.attachments.set('left', { ...row, id: 'left' })
    },
  },
  {
    name: 'a volume is in use by nobody',
    told: /^I4 volume .* is 'reserved', not 'in-use'/,
    leave: (rig, _, [a]) => {
      simVolumeState(rig.world).volume(a).status = 'reserved'
    },
  },
  {
    name: 'a domain lacks a disk',
    told: /^I4 the guest of instance .* lacks volume/,
    leave: (rig, id, [a]) => {
      const domain = rig.libvirt.domains.get(id)
      assert.ok(domain)
      rig.libvirt.detachLive(domain, a)
    },
  },
  {
    name: 'a header is written',
    told: /^I5 volume .* has the header new/,
    leave: (rig, _, [a]) => {
      const { luks } = rig.world.files.get(`/pool/volume-${a}`) ?? {}
      assert.ok(luks)
      luks.uuid = 'new'
    },
  },
  {
    name: 'a key is written to a row',
    told: /^I6 key .* is to be read in/,
    leave: async (rig, id) => {
      const [key] = rig.keys.keys.values()
      const record = await rig.parts.store.instance(id)
      assert.ok(key && record)
      const message = `it did not open with ${Buffer.from(key.bytes).toString('base64')}`
      const fault = { kind: 'internal', code: 'x', message, hint: 'y' } as const
      await rig.parts.store.commit([{ update: 'instance', id, version: record.version, patch: { fault } }])
    },
  },
]

describe('invariants', () => {
  for (const { name, told, leave } of WRONGS) {
    it(`tell that ${name}`, async () => {
      const rig = new Rig()
      const volumes = [await rig.volume('luks2'), await rig.volume('luks2')] as const
      const id = await rig.instance('web', volumes)
      assert.deepEqual([violations(rig), unfinished(rig)], [[], []])
      await leave(rig, id, volumes)
      const [first = ''] = violations(rig)
      assert.match(first, told)
    })
  }
})

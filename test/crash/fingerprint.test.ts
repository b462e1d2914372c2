import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { simCeph } from '#src/sim/ceph.ts'
import { cloudState } from '#src/sim/cloud/state.ts'
import { simVolumeState } from '#src/sim/volume-state.ts'
import { fingerprint } from './fingerprint.ts'
import { openScene, processOn, type Scene } from './scene.ts'

/** Each is a difference that a new process may meet. */
const CHANGES: readonly { readonly name: string; readonly make: (scene: Scene) => unknown }[] = [
  { name: 'a file', make: ({ rig: { world } }) => world.files.delete('/boot/vmlinuz') },
  {
    name: 'the content of a file',
    make: ({ rig, spare }) => Object.assign(rig.world.files.get(`/pool/volume-${spare}`) ?? {}, { content: 'x' }),
  },
  { name: 'a loop device', make: ({ rig: { world } }) => world.loops.delete('/dev/loop0') },
  { name: 'a mapping', make: ({ rig: { world }, volumes: [a] }) => world.mappings.delete(`crypt-${a}`) },
  { name: 'a secret', make: ({ rig: { world } }) => world.secrets.set('a', { uuid: 'a', usage: 'a' }) },
  { name: 'a bridge', make: ({ rig: { world } }) => world.interfaces.delete('br0') },
  { name: 'who has a path open', make: ({ rig: { world } }) => world.hold('/dev/sdz', 'a backup') },
  { name: 'the boot', make: ({ rig: { world } }) => Object.assign(world, { bootId: 'another' }) },
  {
    name: 'a run of a guest',
    make: ({ rig, id }) =>
      [...rig.libvirt.domains.values()].filter(each => each.id === id).map(each => rig.libvirt.endRun(each)),
  },
  { name: 'how guests behave', make: ({ rig }) => Object.assign(rig.libvirt.manners, { keepsDisks: true }) },
  { name: 'whether libvirt runs', make: ({ rig }) => Object.assign(rig.libvirt, { up: false }) },
  {
    name: 'the status of a volume',
    make: ({ rig, spare }) => Object.assign(simVolumeState(rig.world).volume(spare), { status: 'error' }),
  },
  { name: 'an attachment', make: ({ rig: { world } }) => simVolumeState(world).attachments.clear() },
  { name: 'a key', make: ({ rig }) => rig.keys.keys.clear() },
  { name: 'a row', make: ({ rig, id }) => rig.instances.update(id, { priority: 7 }) },
]

const cloud = ({ rig: { world } }: Scene) => cloudState(world)

/** The same in a cloud. */
const CLOUD_CHANGES: typeof CHANGES = [
  {
    name: "a volume's state",
    make: scene => Object.assign(cloud(scene).volumes.get(scene.spare) ?? {}, { status: 'error' }),
  },
  { name: 'a volume', make: scene => cloud(scene).volumes.delete(scene.spare) },
  {
    name: 'what is about to be done with one',
    make: scene => Object.assign(cloud(scene).volumes.get(scene.spare) ?? {}, { task: { due: 1e9, do: 'delete' } }),
  },
  { name: 'an attachment', make: scene => cloud(scene).attachments.clear() },
  {
    name: 'its connection',
    make: scene => [...cloud(scene).attachments.values()].map(row => Object.assign(row, { connectionInfo: {} })),
  },
  { name: "a volume's key", make: scene => cloud(scene).secrets.clear() },
  { name: 'what the cloud can do', make: scene => Object.assign(cloud(scene), { settings: {} }) },
  { name: 'an image', make: ({ rig, spare }) => rig.world.files.delete(`rbd:volumes/volume-${spare}`) },
  { name: 'a key of Ceph', make: ({ rig: { world } }) => simCeph(world).users.clear() },
]

describe('a fingerprint', () => {
  for (const { name, make } of CLOUD_CHANGES) {
    it(`tells ${name} in a cloud`, async () => {
      const base = await openScene('cloud')
      const scene = processOn(base.rig.world.fork(), base)
      assert.equal(fingerprint(scene.rig.world), fingerprint(base.rig.world))
      make(scene)
      assert.notEqual(fingerprint(scene.rig.world), fingerprint(base.rig.world))
    })
  }

  for (const { name, make } of CHANGES) {
    it(`tells ${name}`, async () => {
      const base = await openScene('dm-crypt')
      const scene = processOn(base.rig.world.fork(), base)
      assert.equal(fingerprint(scene.rig.world), fingerprint(base.rig.world))
      await make(scene)
      assert.notEqual(fingerprint(scene.rig.world), fingerprint(base.rig.world))
    })
  }

  for (const mechanism of ['dm-crypt', 'cloud'] as const)
    it(`does not tell the time, nor which random id it was (${mechanism})`, async () => {
      const base = await openScene(mechanism)
      const [one, other] = [processOn(base.rig.world.fork(), base), processOn(base.rig.world.fork(), base)]
      one.rig.world.clock.advance(5000)
      one.rig.world.random.uuid()
      for (const { rig, id, spare } of [one, other]) await rig.instances.attach(id, spare)
      assert.equal(fingerprint(one.rig.world), fingerprint(other.rig.world))
    })
})

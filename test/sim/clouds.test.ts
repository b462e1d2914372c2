import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyedLock } from '#src/core/concurrency.ts'
import { hasCode } from '#src/core/error.ts'
import { HostEngine } from '#src/engine/host/host-engine.ts'
import { InstancesEngine } from '#src/engine/instances.ts'
import { OperationsEngine } from '#src/engine/operations.ts'
import type { Parts } from '#src/engine/parts.ts'
import type { AttachmentGeneration } from '#src/volumes/volume-service.ts'
import { Rig } from './rig.ts'

/** A port that must not be asked for anything. */
const forbidden = <T extends object>(what: string): T =>
  new Proxy({} as T, {
    get: (_, method) => () => {
      throw new Error(`${what} was asked for ${String(method)}`)
    },
  })

/** A host whose volumes are those of the cloud `prod`, which is attached to by verbs of this generation. */
function cloudRig(generation: AttachmentGeneration) {
  const rig = new Rig()
  const { volumes, keys } = rig.parts
  /** What happens right before a verb. */
  const meanwhile = new Map<string, () => Promise<void>>()
  const cloud = new Proxy(volumes, {
    get: (target, name) => {
      if (name === 'generation') return async () => generation
      const isAttachment = typeof name === 'string' && name.startsWith('attachment')
      if (generation === 'legacy' && isAttachment)
        return forbidden<typeof volumes>('a Cinder without attachments')[name as 'get']
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return async (...args: unknown[]) => {
        await meanwhile.get(String(name))?.()
        return await value.apply(target, args)
      }
    },
  })
  const asked: string[] = []
  const parts: Parts = {
    ...rig.parts,
    volumes: forbidden('the embedded volume service'),
    keys: forbidden('the embedded key manager'),
    clouds: name => {
      asked.push(name)
      return { volumes: cloud, keys }
    },
    cloud: 'prod',
  }
  const locks = new KeyedLock()
  const operations = new OperationsEngine(parts, locks)
  const instances = new InstancesEngine(parts, operations, locks)
  const host = new HostEngine({ parts, instances, operations, locks, isBusy: async () => false })
  return { rig, volumes, parts, instances, host, asked, meanwhile }
}

const create = { name: 'web', memoryMib: 64, cpus: 1, kernel: { image: '/boot/vmlinuz' }, networks: [] } as const

for (const generation of ['attachments', 'legacy'] as const) {
  describe(`volumes of a cloud, by the verbs of ${generation}`, () => {
    it('are attached, rebooted with, detached and given up, and no other service is asked', async () => {
      const { rig, volumes, instances, asked } = cloudRig(generation)
      const first = await rig.volume('luks')
      const second = await rig.volume()
      const { id } = await instances.create({ ...create, volumes: [{ volumeId: first }] })
      await instances.attach(id, second)
      for (const volumeId of [first, second]) {
        const { status, attachments } = await volumes.get(volumeId)
        assert.deepEqual([status, attachments[0]?.serverId], ['in-use', id])
      }
      const { mappings } = await instances.show(id)
      assert.deepEqual(
        mappings.map(row => [row.cloud, row.generation]),
        [
          ['prod', generation],
          ['prod', generation],
        ],
      )
      await instances.hardReboot(id)
      await instances.detach(id, second)
      assert.equal((await volumes.get(second)).status, 'available')
      await instances.stop(id)
      await instances.start(id)
      await instances.delete(id)
      assert.equal((await volumes.get(first)).status, 'available')
      assert.deepEqual([...new Set(asked)], ['prod'])
      assert.deepEqual(rig.badSights(), [])
      assert.deepEqual(rig.traces(), [])
    })

    it('are given up when an attach fails half-way', async () => {
      const { rig, volumes, instances } = cloudRig(generation)
      const { id } = await instances.create({ ...create, volumes: [] })
      const volumeId = await rig.volume('luks')
      rig.keysAway()
      await assert.rejects(instances.attach(id, volumeId), error => hasCode(error, 'key-manager-unavailable'))
      rig.allWell()
      assert.equal((await volumes.get(volumeId)).status, 'available')
      assert.deepEqual((await instances.show(id)).mappings, [])
    })

    it('taken by another meanwhile are left to that one', async () => {
      const { rig, volumes, instances, meanwhile } = cloudRig(generation)
      const { id } = await instances.create({ ...create, volumes: [] })
      const volumeId = await rig.volume()
      const verb = generation === 'legacy' ? 'reserveVolume' : 'attachmentCreate'
      meanwhile.set(verb, async () => {
        meanwhile.clear()
        await volumes.reserveVolume(volumeId)
      })
      await assert.rejects(instances.attach(id, volumeId), error => hasCode(error, 'invalid-volume'))
      assert.equal((await volumes.get(volumeId)).status, 'attaching')
    })
  })
}

it('without the cloud that is recorded an instance is refused, and nothing is touched', async () => {
  const { rig, parts, instances } = cloudRig('attachments')
  const { id } = await instances.create({ ...create, volumes: [{ volumeId: await rig.volume('luks') }] })
  const before = rig.traces()
  const locks = new KeyedLock()
  const bare = { ...parts, clouds: undefined, cloud: undefined }
  const lost = new InstancesEngine(bare, new OperationsEngine(bare, locks), locks)
  await assert.rejects(lost.hardReboot(id), error => hasCode(error, 'cloud-unknown'))
  assert.deepEqual(rig.traces(), before)
})

it('connection info of another attachment is refused (I2)', async () => {
  const { rig, volumes, parts, instances } = cloudRig('attachments')
  const volumeId = await rig.volume()
  const { id } = await instances.create({ ...create, volumes: [{ volumeId }] })
  await instances.stop(id)
  const another = await volumes.attachmentCreate({ volumeId, instanceId: id })
  const [row] = (await instances.show(id)).mappings
  assert.ok(row)
  const patch = { attachmentId: another.id }
  await parts.store.commit([{ update: 'mapping', id: row.id, version: row.version, patch }])
  await assert.rejects(instances.start(id), error => hasCode(error, 'wrong-attachment'))
  assert.deepEqual(rig.badSights(), [])
})

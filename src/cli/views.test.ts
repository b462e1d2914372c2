import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { instance, operation, snapshot, volume, volumeType } from './testing/fake-holdfast.ts'
import { hostJson, instanceJson, operationJson, planJson, snapshotJson, volumeJson, volumeTypeJson } from './views.ts'

describe('JSON views', () => {
  it('of a volume have the names of the Block Storage API', () => {
    const attachments = [{ attachmentId: 'at-1', serverId: 'b1', device: '/dev/vdb' }]
    const view = volumeJson(
      volume({
        bootable: true,
        encrypted: true,
        volumeType: 'luks2',
        attachments,
        metadata: { a: 'b' },
        status: 'in-use',
      }),
    )
    assert.deepEqual(view, {
      id: 'a0000001-0000-4000-8000-000000000000',
      name: 'data-1',
      description: null,
      status: 'in-use',
      size: 10,
      volume_type: 'luks2',
      encrypted: true,
      bootable: 'true',
      multiattach: false,
      availability_zone: 'nova',
      snapshot_id: null,
      source_volid: null,
      attachments: [
        {
          id: 'a0000001-0000-4000-8000-000000000000',
          attachment_id: 'at-1',
          volume_id: 'a0000001-0000-4000-8000-000000000000',
          server_id: 'b1',
          device: '/dev/vdb',
        },
      ],
      metadata: { a: 'b' },
      created_at: '2026-11-22T10:00:00.000000',
    })
    assert.equal(volumeJson(volume()).bootable, 'false')
  })

  it('of a snapshot and a type too', () => {
    const view = snapshotJson(snapshot())
    assert.equal(view.volume_id, 'a0000001-0000-4000-8000-000000000000')
    assert.equal(view['os-extended-snapshot-attributes:progress'], '100%')
    assert.deepEqual(volumeTypeJson(volumeType({ multiattach: true })), {
      id: '70000001-0000-4000-8000-000000000000',
      name: 'luks2',
      extra_specs: { multiattach: '<is> True' },
      encryption: { provider: 'luks2', cipher: 'aes-xts-plain64', key_size: 512, control_location: 'front-end' },
    })
  })

  it('of an instance have the names of the Compute API', () => {
    const view = instanceJson(
      instance(
        {
          status: 'ERROR',
          fault: { kind: 'timeout', code: 'timeout', message: 'too slow', hint: 'again' },
          interfaces: [{ portId: 'p1', bridge: 'br0', mac: '52:54:00:00:00:01', tap: 'tap1' }],
        },
        {
          power: 'shutoff',
          mappings: [
            {
              id: 'm1',
              instanceId: 'b1',
              volumeId: 'a1',
              target: 'vda',
              bootIndex: 0,
              deleteOnTermination: true,
              attachmentId: 'at-1',
              mechanism: 'dm-crypt',
              encryption: { provider: 'luks2', controlLocation: 'front-end', keyId: 'k1' },
              version: 1,
            },
          ],
        },
      ),
    )
    assert.deepEqual(view, {
      id: 'b0000001-0000-4000-8000-000000000000',
      name: 'web-1',
      status: 'ERROR',
      'OS-EXT-STS:power_state': 'shutdown',
      'OS-EXT-AZ:availability_zone': 'nova',
      flavor: { vcpus: 2, ram: 512 },
      volumes_attached: [
        {
          id: 'a1',
          device: '/dev/vda',
          attachment_id: 'at-1',
          boot_index: 0,
          delete_on_termination: true,
          encrypted: true,
          encryption_mechanism: 'dm-crypt',
        },
      ],
      interfaces: [{ port_id: 'p1', bridge: 'br0', mac: '52:54:00:00:00:01', tap: 'tap1' }],
      'OS-EXT-STS:task_state': null,
      wanted: 'running',
      priority: 0,
      fault: { code: 'timeout', kind: 'timeout', message: 'too slow', left: null, hint: 'again' },
      created: '2026-11-22T10:00:00Z',
    })
    assert.equal(instanceJson(instance({}, { power: undefined }))['OS-EXT-STS:power_state'], null)
    assert.equal(instanceJson(instance({}, { power: 'none' }))['OS-EXT-STS:power_state'], 'pending')
  })

  it('never hold what the secret of a volume could be found by', () => {
    const mapping = {
      id: 'm1',
      instanceId: 'b1',
      volumeId: 'a1',
      target: 'vda',
      deleteOnTermination: false,
      version: 1,
    }
    const encryption = { provider: 'luks2', controlLocation: 'front-end', keyId: 'key-id-1' } as const
    const text = JSON.stringify(instanceJson(instance({}, { mappings: [{ ...mapping, encryption }] })))
    assert.doesNotMatch(text, /key-id-1/)
  })

  it('of operations, plans and the host have no holes', () => {
    const complete = (value: unknown): void => {
      assert.notEqual(value, undefined)
      if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) complete(inner)
    }
    complete(operationJson(operation({ finishedAt: undefined, volumeId: undefined })))
    complete(planJson({ kind: 'volume-create', steps: [], problems: [{ code: 'x', message: 'y' }] }))
    complete(
      hostJson({
        host: 'h',
        bootId: 'b',
        stateDirectory: '/s',
        availabilityZone: 'nova',
        abilities: [{ name: 'a', available: true, detail: 'd' }],
        pool: { path: '/p', freeBytes: 1 },
      }),
    )
  })
})

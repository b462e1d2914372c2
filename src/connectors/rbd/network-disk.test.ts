import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RbdConnectionInfo } from '#src/core/connection-info.ts'
import { hasCode } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import { networkDiskOf, secretUuidOf, usageOf, volumeOfSecret } from './network-disk.ts'

const VOLUME = 'd8cc1932-0677-4dc6-b0df-cce9f834d330'
const OTHER = 'd8cc1932-0677-4dc6-b0df-cce9f834d331'

const info = (data: Partial<RbdConnectionInfo['data']> = {}): RbdConnectionInfo => ({
  driver_volume_type: 'rbd',
  volume_id: VOLUME,
  host: 'compute-1',
  data: {
    name: `volumes/volume-${VOLUME}`,
    hosts: ['10.0.0.1', 'fd00::1', 'mon.example.org'],
    ports: ['6789', '3300', '6789'],
    cluster_name: 'ceph',
    auth_enabled: true,
    auth_username: 'cinder',
    secret_uuid: OTHER,
    access_mode: 'rw',
    encrypted: false,
    multiattach: false,
    discard: true,
    ...data,
  },
})

describe('connection info of RBD', () => {
  it('becomes what QEMU opens, and where this host finds the key', () => {
    assert.deepEqual(networkDiskOf(info({ keyring: 'sealed:v1:x' })), {
      protocol: 'rbd',
      name: `volumes/volume-${VOLUME}`,
      hosts: [
        { name: '10.0.0.1', port: 6789 },
        { name: 'fd00::1', port: 3300 },
        { name: 'mon.example.org', port: 6789 },
      ],
      auth: { username: 'cinder', secretUuid: secretUuidOf(VOLUME) },
      key: {
        cluster: 'ceph',
        sealed: { text: 'sealed:v1:x', context: `${VOLUME}/keyring` },
        operatorSecret: OTHER,
      },
    })
    assert.equal(
      networkDiskOf(info({ name: `volumes/tenant/volume-${VOLUME}` })).name,
      `volumes/tenant/volume-${VOLUME}`,
    )
  })

  it('of a cluster without keys has nobody to log in', () => {
    const disk = networkDiskOf(info({ auth_enabled: false, auth_username: undefined, secret_uuid: undefined }))
    assert.deepEqual([disk.auth, disk.key], [undefined, { cluster: 'ceph' }])
  })

  it('is refused for an image that is not called after the volume, or of a pool that is not allowed', () => {
    const foreign = info({ name: `volumes/volume-${OTHER}` })
    assert.throws(
      () => networkDiskOf(foreign),
      error => hasCode(error, 'wrong-device'),
    )
    assert.doesNotThrow(() => networkDiskOf(info(), ['fast', 'volumes']))
    for (const pools of [[], ['fast']])
      assert.throws(
        () => networkDiskOf(info(), pools),
        error => hasCode(error, 'pool-not-allowed'),
      )
  })
})

describe('the secret of a volume for its Ceph user', () => {
  it('has a UUID that is always the same, and is that of no other volume and of no passphrase', () => {
    assert.equal(secretUuidOf(VOLUME), 'c25035bd-9f3e-8eca-96e4-cb783cadd416')
    assert.ok(isUuid(secretUuidOf(VOLUME)))
    assert.notEqual(secretUuidOf(VOLUME), VOLUME)
    assert.notEqual(secretUuidOf(VOLUME), secretUuidOf(OTHER))
  })

  it('is known by usage and UUID together', () => {
    const secret = { uuid: secretUuidOf(VOLUME), usage: usageOf(VOLUME) }
    assert.equal(volumeOfSecret(secret), VOLUME)
    assert.equal(volumeOfSecret({ ...secret, uuid: VOLUME }), undefined)
    assert.equal(volumeOfSecret({ ...secret, usage: usageOf(OTHER) }), undefined)
    assert.equal(volumeOfSecret({ ...secret, usage: VOLUME }), undefined)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ConnectionInfo } from '#src/core/connection-info.ts'
import { HoldfastError } from '#src/core/error.ts'
import { recorded } from '#src/openstack/cinder/testing/scripted-client.ts'
import { readConnection } from './connection.ts'
import type { ConnectionFacts } from './connection-facts.ts'
import { HOST_NAME, openSealer } from './testing/bench.ts'

type Raw = Readonly<Record<string, unknown>>

const OTHER = '11111111-1111-4111-8111-111111111111'
const flat = (name: string): Raw => recorded(name).body.attachment?.connection_info as Raw
const RBD = flat('ceph-attachment-create')
const ISCSI = flat('attachment-update')

const facts = (raw: Raw, more: Partial<ConnectionFacts> = {}): ConnectionFacts => ({
  volumeId: String(raw.volume_id),
  attachmentId: OTHER,
  host: HOST_NAME,
  encrypted: false,
  multiattach: false,
  ...more,
})
const read = (raw: Raw, more: Partial<ConnectionFacts> = {}, base = raw): Promise<ConnectionInfo> =>
  readConnection(raw, facts(base, more), openSealer)

describe('connection info that a real Cinder handed out', () => {
  it('is an image of Ceph', async () => {
    assert.deepEqual(await read(RBD), {
      driver_volume_type: 'rbd',
      volume_id: RBD.volume_id,
      attachment_id: OTHER,
      host: HOST_NAME,
      data: {
        access_mode: 'rw',
        encrypted: false,
        multiattach: false,
        discard: true,
        name: `volumes/volume-${RBD.volume_id}`,
        hosts: ['127.0.0.1'],
        ports: ['6789'],
        cluster_name: 'ceph',
        auth_enabled: true,
        auth_username: 'cinder',
        secret_uuid: '11111111-2222-3333-4444-555555555555',
      },
    })
    assert.equal((await read(flat('ceph-luks-attachment'))).data.encrypted, true)
  })

  it('is an iSCSI target, with its password sealed', async () => {
    const info = await read(ISCSI)
    const { data, ...rest } = info
    assert.deepEqual(rest, {
      driver_volume_type: 'iscsi',
      volume_id: ISCSI.volume_id,
      attachment_id: OTHER,
      host: HOST_NAME,
    })
    assert.ok(info.driver_volume_type === 'iscsi')
    assert.deepEqual(info.data.targets, [
      { portal: '127.0.0.1:3260', iqn: `iqn.2010-10.org.openstack:volume-${ISCSI.volume_id}`, lun: 0 },
    ])
    assert.equal(data.discard, false)
    const password = String(ISCSI.auth_password)
    assert.equal(JSON.stringify(info).includes(password), false)
    const context = `${ISCSI.volume_id}/auth_password`
    using opened = await openSealer.open(info.data.auth_password ?? '', context)
    assert.equal(new TextDecoder().decode(opened.reveal()), password)
  })

  it('says the same in the shape of the older verbs', async () => {
    const nested = recorded('legacy-initialize-connection').body.connection_info as Raw
    const info = await read(nested, { attachmentId: undefined, volumeId: String(ISCSI.volume_id) })
    assert.deepEqual({ ...info, attachment_id: OTHER }, await read(ISCSI))
  })
})

describe('connection info', () => {
  it('may have many paths', async () => {
    const target_iqns = ['iqn.2010-10.org.example:a', 'iqn.2010-10.org.example:b']
    const many = { target_portals: ['10.0.0.1:3260', '[fd00::1]:3260'], target_iqns, target_luns: [1, '2'] }
    const info = await read({ ...ISCSI, ...many })
    assert.ok(info.driver_volume_type === 'iscsi')
    assert.deepEqual(info.data.targets, [
      { portal: '10.0.0.1:3260', iqn: 'iqn.2010-10.org.example:a', lun: 1 },
      { portal: '[fd00::1]:3260', iqn: 'iqn.2010-10.org.example:b', lun: 2 },
    ])
  })

  it('is of an encrypted volume if either says so', async () => {
    const { encrypted: _unsaid, ...older } = RBD
    assert.equal((await read(older)).data.encrypted, false)
    assert.equal((await read(older, { encrypted: true })).data.encrypted, true)
    assert.equal((await read({ ...RBD, encrypted: false }, { encrypted: true })).data.encrypted, true)
  })

  it('takes IPv6 monitors, namespaces, a migrated name that Cinder tells, and seals a keyring', async () => {
    const raw = {
      ...RBD,
      hosts: ['[fd00::1]', 'mon-2.example'],
      ports: [6789, '3300'],
      name: `volumes/tenant/volume-${OTHER}`,
      keyring: '[client.cinder]\n\tkey = AQBsecret==\n',
    }
    const info = await read(raw, { nameId: OTHER, rbdPools: ['images', 'volumes'] })
    assert.ok(info.driver_volume_type === 'rbd')
    assert.deepEqual(
      [info.data.hosts, info.data.ports],
      [
        ['fd00::1', 'mon-2.example'],
        ['6789', '3300'],
      ],
    )
    assert.match(info.data.keyring ?? '', new RegExp(`^sealed:v1:${RBD.volume_id}/keyring:`))
    assert.equal(JSON.stringify(info).includes('AQBsecret'), false)
  })
})

const image = (name: string) => ({ ...RBD, name })
const own = `volume-${RBD.volume_id}`
const SECRET = 'not\u0000to-be-shown'

/** What is wrong, in which info, with which code. */
const HOSTILE: readonly (readonly [what: string, raw: Raw, code: string])[] = [
  ['a kind that is not known', { ...RBD, driver_volume_type: 'nfs' }, 'unsupported'],
  ['the embedded kind', { ...RBD, driver_volume_type: 'local', device_path: '/etc/shadow' }, 'unsupported'],
  ['no kind', { ...RBD, driver_volume_type: undefined }, 'malformed'],
  ['a kind that is no text', { ...RBD, driver_volume_type: ['rbd'] }, 'malformed'],
  ['data that are none', { driver_volume_type: 'rbd', data: 'x' }, 'malformed'],
  ['another volume', { ...RBD, volume_id: OTHER }, 'unsafe'],
  ["another volume's image", image(`volumes/volume-${OTHER}`), 'unsafe'],
  ['an image that is no volume', image('volumes/backup.base'), 'unsafe'],
  ['an image with more behind it', image(`volumes/${own}.deleted`), 'unsafe'],
  ['a way out of the pool', image(`volumes/../images/${own}`), 'unsafe'],
  ['an absolute path', image(`/volumes/${own}`), 'unsafe'],
  ['no pool', image(own), 'unsafe'],
  ['options of librbd', image(`volumes/${own}:conf=/tmp/evil`), 'unsafe'],
  ['a snapshot', image(`volumes/${own}@snap`), 'unsafe'],
  ['a newline', image(`volumes/${own}\n`), 'unsafe'],
  ['a shell', image(`$(reboot)/${own}`), 'unsafe'],
  ['XML', image(`a'/><source file='/etc/shadow'/>/${own}`), 'unsafe'],
  ['a name that is none', image(7 as unknown as string), 'malformed'],
  ['hosts that are none', { ...RBD, hosts: 'mon' }, 'malformed'],
  ['no hosts', { ...RBD, hosts: [], ports: [] }, 'malformed'],
  ['more hosts than there can be', { ...RBD, hosts: Array(65).fill('a'), ports: Array(65).fill('1') }, 'malformed'],
  ['a host with an option', { ...RBD, hosts: ['-oProxyCommand=x'] }, 'unsafe'],
  ['a host with a quote', { ...RBD, hosts: ["mon'"] }, 'unsafe'],
  ['fewer ports than hosts', { ...RBD, hosts: ['a', 'b'] }, 'malformed'],
  ['port 0', { ...RBD, ports: ['0'] }, 'unsafe'],
  ['port 65536', { ...RBD, ports: [65_536] }, 'unsafe'],
  ['a port with words', { ...RBD, ports: ['6789 --help'] }, 'unsafe'],
  ['a user that is a file', { ...RBD, auth_username: '../../root' }, 'unsafe'],
  ['a cluster that is a path', { ...RBD, cluster_name: '/etc/ceph/evil' }, 'unsafe'],
  ['no user where one is needed', { ...RBD, auth_username: null }, 'malformed'],
  ['a secret that is no UUID', { ...RBD, secret_uuid: "x' or '1" }, 'unsafe'],
  ['a keyring with control characters', { ...RBD, keyring: SECRET }, 'unsafe'],
  ['a mode that is none', { ...RBD, access_mode: 'rwx' }, 'unsafe'],
  ['a flag that is none', { ...RBD, discard: 'yes' }, 'malformed'],
  ['encryption that is unclear', { ...RBD, encrypted: 'no' }, 'malformed'],
  ["another volume's target", { ...ISCSI, target_iqn: `iqn.2010-10.org.openstack:volume-${OTHER}` }, 'unsafe'],
  ['a target with a shell in it', { ...ISCSI, target_iqn: 'iqn.2010-10.a:b;reboot' }, 'unsafe'],
  ['a target that is a path', { ...ISCSI, target_iqn: 'iqn.2010-10.a:../../etc' }, 'unsafe'],
  ['a portal without a port', { ...ISCSI, target_portal: '10.0.0.1' }, 'unsafe'],
  ['a portal of port 70000', { ...ISCSI, target_portal: '10.0.0.1:70000' }, 'unsafe'],
  ['a portal with a newline', { ...ISCSI, target_portal: '10.0.0.1:3260\n' }, 'unsafe'],
  ['a negative unit', { ...ISCSI, target_lun: -1 }, 'unsafe'],
  ['a unit that is none', { ...ISCSI, target_lun: '0; reboot' }, 'malformed'],
  ['no unit', { ...ISCSI, target_lun: undefined }, 'malformed'],
  ['a method that is none', { ...ISCSI, auth_method: 'NONE; rm' }, 'unsafe'],
  ['a password with control characters', { ...ISCSI, auth_password: SECRET }, 'unsafe'],
  ['a password that is an object', { ...ISCSI, discovery_auth_password: { SECRET } }, 'unsafe'],
  [
    'paths of which some have no target',
    { ...ISCSI, target_portals: ['a:1', 'b:1'], target_iqns: ['iqn.2010-10.a:b'], target_luns: [1, 2] },
    'malformed',
  ],
]

describe('connection info that is not what it should be', () => {
  for (const [what, raw, trouble] of HOSTILE) {
    it(`is refused: ${what}`, async () => {
      const base = 'target_portal' in raw ? ISCSI : RBD
      await assert.rejects(read(raw, {}, base), (error: unknown) => {
        assert.ok(error instanceof HoldfastError)
        assert.equal(error.code, `connection-info-${trouble}`, error.message)
        assert.equal(error.kind, { unsupported: 'unsupported', malformed: 'corrupt', unsafe: 'unsafe' }[trouble])
        assert.equal(error.details.volume, base.volume_id)
        assert.doesNotMatch(
          `${error.message} ${JSON.stringify(error.details)}`,
          /not.{0,6}to-be-shown|da33d4871731d6e7/,
        )
        assert.match(error.message, /^[\x20-\x7e…]{1,600}$/)
        return true
      })
    })
  }

  it('is refused: a pool that is not configured', async () => {
    const unsafe = (error: HoldfastError) => error.code === 'connection-info-unsafe' && /'images'/.test(error.message)
    await assert.rejects(read(RBD, { rbdPools: ['images'] }), unsafe)
  })

  it('is refused: a migrated name of which Cinder does not tell', async () => {
    const raw = image(`volumes/volume-${OTHER}`)
    for (const nameId of [null, undefined, RBD.volume_id as string]) {
      await assert.rejects(read(raw, { nameId }), (error: HoldfastError) => error.code === 'connection-info-unsafe')
    }
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { NetworkDisk } from '#src/core/disk.ts'
import { code } from '#src/hypervisor/conformance-fixture.ts'
import type { DomainDisk, DomainSpec } from '#src/hypervisor/hypervisor.ts'
import { diskXml, foundDiskXml } from './disk-xml.ts'
import { readDomain } from './domain-facts.ts'
import { domainXml } from './domain-xml.ts'
import { attribute, child, children, readXml, textOf, writeXml } from './xml.ts'

const ID = '11111111-2222-4333-8444-555555555555'
const VOLUME = 'aaaaaaaa-2222-4333-8444-555555555555'
const SECRET = 'cccccccc-2222-4333-8444-555555555555'
const CEPH_SECRET = 'dddddddd-2222-4333-8444-555555555555'
const RBD: NetworkDisk = {
  protocol: 'rbd',
  name: 'volumes/a',
  hosts: [
    { name: '10.0.0.1', port: 6789 },
    { name: 'fd00::1', port: 3300 },
  ],
  auth: { username: 'cinder', secretUuid: CEPH_SECRET },
}
const RBD_SOURCE = {
  mechanism: 'native',
  kind: 'network',
  path: 'rbd:volumes/a',
  network: RBD,
  sizeBytes: 1,
  secretUuid: SECRET,
} as const
const FACTS = { domainType: 'qemu', emulator: '/usr/bin/qemu-system-x86_64', buffered: new Set<string>() } as const

const disk = (more: Partial<DomainDisk> = {}): DomainDisk => ({
  volumeId: VOLUME,
  target: 'vda',
  source: { mechanism: 'none', kind: 'file', path: '/pool/a', sizeBytes: 1 },
  readonly: false,
  shareable: false,
  discard: false,
  ...more,
})

const spec = (more: Partial<DomainSpec> = {}): DomainSpec => ({
  id: ID,
  name: 'one',
  memoryMib: 64,
  cpus: 2,
  disks: [],
  interfaces: [],
  consoleLog: '/var/lib/holdfast/one/console.log',
  ...more,
})

const parsed = (wanted: DomainSpec) => readXml('test', 'domain', domainXml(wanted, FACTS))
const devicesOf = (wanted: DomainSpec) => child(parsed(wanted), 'devices')
const diskNode = (wanted: DomainDisk, buffered = false) => readXml('test', 'disk', diskXml(wanted, buffered))

describe('domain XML', () => {
  it('describes a machine that can be shut down, logs its console and has nothing that it does not need', () => {
    const root = parsed(spec())
    assert.equal(attribute(root, 'type'), 'qemu')
    assert.equal(textOf(child(root, 'uuid')), ID)
    assert.equal(textOf(child(root, 'memory')), '64')
    assert.equal(attribute(child(root, 'memory'), 'unit'), 'MiB')
    assert.equal(textOf(child(root, 'vcpu')), '2')
    assert.ok(child(root, 'features', 'acpi'))
    assert.deepEqual(
      ['on_poweroff', 'on_reboot', 'on_crash'].map(name => textOf(child(root, name))),
      ['destroy', 'restart', 'destroy'],
    )
    assert.equal(attribute(child(root, 'devices', 'serial', 'log'), 'file'), '/var/lib/holdfast/one/console.log')
    assert.equal(attribute(child(root, 'devices', 'memballoon'), 'model'), 'none')
  })

  it('boots a kernel directly, or else from the first disk unless told otherwise', () => {
    const kernel = { image: '/boot/vmlinuz', initrd: '/boot/initrd', append: 'console=ttyS0 a="b&c"' }
    const os = child(parsed(spec({ kernel, disks: [disk()] })), 'os')
    assert.equal(textOf(child(os, 'kernel')), kernel.image)
    assert.equal(textOf(child(os, 'initrd')), kernel.initrd)
    assert.equal(textOf(child(os, 'cmdline')), kernel.append)
    const orders = (disks: readonly DomainDisk[], more: Partial<DomainSpec> = {}) =>
      children(devicesOf(spec({ disks, ...more })), 'disk').map(node => attribute(child(node, 'boot'), 'order'))
    assert.deepEqual(orders([disk()], { kernel }), [undefined])
    assert.deepEqual(orders([disk({ target: 'vdaa' }), disk({ target: 'vdb' })]), [undefined, '1'])
    assert.deepEqual(orders([disk(), disk({ target: 'vdb', bootOrder: 3 })]), [undefined, '3'])
  })

  it('describes disks by what their source and the file system below can do', () => {
    const driver = (node: ReturnType<typeof diskNode>) =>
      ['type', 'cache', 'io', 'discard'].map(name => attribute(child(node, 'driver'), name))
    assert.deepEqual(driver(diskNode(disk())), ['raw', 'none', 'native', 'ignore'])
    assert.deepEqual(driver(diskNode(disk({ discard: true }), true)), ['raw', 'writeback', 'threads', 'unmap'])

    const block = { mechanism: 'dm-crypt', kind: 'block', path: '/dev/mapper/crypt-a', sizeBytes: 1 } as const
    const node = diskNode(disk({ source: block, readonly: true, shareable: true }))
    assert.equal(attribute(node, 'type'), 'block')
    assert.equal(attribute(child(node, 'source'), 'dev'), block.path)
    assert.equal(textOf(child(node, 'serial')), VOLUME)
    assert.equal(attribute(child(node, 'alias'), 'name'), `ua-${VOLUME}`)
    assert.ok(child(node, 'readonly') && child(node, 'shareable'))
    assert.equal(child(diskNode(disk()), 'readonly') ?? child(diskNode(disk()), 'shareable'), undefined)
  })

  it('gives QEMU the secret of a disk that it decrypts, and claims no boot order when plugging in', () => {
    const source = { mechanism: 'native', kind: 'file', path: '/pool/a', sizeBytes: 1, secretUuid: SECRET } as const
    const node = diskNode(disk({ source, bootOrder: 1 }))
    const encryption = child(node, 'source', 'encryption')
    assert.equal(attribute(encryption, 'format'), 'luks')
    assert.equal(attribute(child(encryption, 'secret'), 'uuid'), SECRET)
    assert.equal(child(node, 'boot'), undefined)
  })

  it('gives QEMU a network disk with its monitors and the secrets to log in and to decrypt', () => {
    const node = diskNode(disk({ source: RBD_SOURCE, discard: true }))
    assert.equal(attribute(node, 'type'), 'network')
    const driver = ['type', 'cache', 'io', 'discard'].map(name => attribute(child(node, 'driver'), name))
    assert.deepEqual(driver, ['raw', 'none', undefined, 'unmap'])
    const source = child(node, 'source')
    assert.deepEqual([attribute(source, 'protocol'), attribute(source, 'name')], ['rbd', 'volumes/a'])
    const hosts = children(source, 'host').map(host => [attribute(host, 'name'), attribute(host, 'port')])
    assert.deepEqual(hosts, [
      ['10.0.0.1', '6789'],
      ['fd00::1', '3300'],
    ])
    assert.equal(attribute(child(source, 'auth'), 'username'), 'cinder')
    const login = child(source, 'auth', 'secret')
    assert.deepEqual([attribute(login, 'type'), attribute(login, 'uuid')], ['ceph', CEPH_SECRET])
    const decrypt = child(source, 'encryption', 'secret')
    assert.deepEqual([attribute(decrypt, 'type'), attribute(decrypt, 'uuid')], ['passphrase', SECRET])
    const bare = {
      ...RBD_SOURCE,
      mechanism: 'none',
      network: { ...RBD, auth: undefined },
      secretUuid: undefined,
    } as const
    const plain = child(diskNode(disk({ source: bare })), 'source')
    assert.equal(child(plain, 'auth') ?? child(plain, 'encryption'), undefined)
  })

  it('puts no network disk into a domain that is not what it says', () => {
    const refused = [
      { ...RBD_SOURCE, network: undefined },
      { ...RBD_SOURCE, path: 'rbd:volumes/b' },
      { ...RBD_SOURCE, path: `rbd:volumes/a'/>`, network: { ...RBD, name: `volumes/a'/>` } },
      { ...RBD_SOURCE, network: { ...RBD, hosts: [] } },
      { ...RBD_SOURCE, network: { ...RBD, hosts: [{ name: 'a b', port: 1 }] } },
      { ...RBD_SOURCE, network: { ...RBD, hosts: [{ name: 'a', port: 70_000 }] } },
      { ...RBD_SOURCE, network: { ...RBD, auth: { username: 'a:b', secretUuid: CEPH_SECRET } } },
      { ...RBD_SOURCE, network: { ...RBD, auth: { username: 'a', secretUuid: 'x' } } },
    ]
    for (const source of refused) assert.throws(() => diskXml(disk({ source }), false), /refused|cannot be put/)
  })

  it('names bridge, tap and address of each interface', () => {
    const nic = { portId: ID, mac: '52:54:00:aa:bb:cc', bridge: 'br0', tap: 'tap0' }
    const node = child(devicesOf(spec({ interfaces: [nic] })), 'interface')
    assert.equal(attribute(node, 'type'), 'bridge')
    assert.equal(attribute(child(node, 'mac'), 'address'), nic.mac)
    assert.equal(attribute(child(node, 'source'), 'bridge'), nic.bridge)
    assert.equal(attribute(child(node, 'target'), 'dev'), nic.tap)
  })

  it('carries any printable text unharmed, and refuses the rest', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
        const path = `/pool/${text}`
        const wanted = spec({ disks: [disk({ source: { mechanism: 'none', kind: 'file', path, sizeBytes: 1 } })] })
        let xml: string
        try {
          xml = domainXml(wanted, FACTS)
        } catch (error) {
          // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
          assert.match(text, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]|\p{Surrogate}/u)
          return code('invalid-text')(error)
        }
        assert.equal(readDomain(xml).disks[0]?.path, path)
      }),
    )
  })

  it('writes every attribute with its value', () => {
    assert.equal(writeXml('a', { '@b': 'true', '@c': '', d: {} }), '<a b="true" c=""><d/></a>')
  })

  it('refuses values that have no place in a domain', () => {
    const refused: readonly Partial<DomainSpec>[] = [
      { name: '../x' },
      { id: 'not-a-uuid' },
      { memoryMib: 0 },
      { cpus: 1.5 },
      { consoleLog: 'relative' },
      { kernel: { image: 'relative' } },
      { disks: [disk({ target: 'sda' })] },
      { disks: [disk({ volumeId: "x'/>" })] },
      { disks: [disk({ bootOrder: -1 })] },
      { interfaces: [{ portId: ID, mac: 'nonsense', bridge: 'br0', tap: 'tap0' }] },
      { interfaces: [{ portId: ID, mac: '52:54:00:aa:bb:cc', bridge: 'br0', tap: 'a-name-that-is-too-long' }] },
    ]
    for (const more of refused) {
      assert.throws(() => domainXml(spec(more), FACTS), { kind: 'invalid-input' }, JSON.stringify(more))
    }
  })
})

describe('facts of a domain', () => {
  const xml = (inner: string, attributes = "type='kvm'") =>
    `<domain ${attributes}><name>n</name><uuid>${ID}</uuid>${inner}</domain>`

  it('come back from our own XML', () => {
    const facts = readDomain(domainXml(spec({ disks: [disk()] }), FACTS))
    assert.deepEqual(facts, {
      id: ID,
      name: 'one',
      runtimeId: undefined,
      ours: true,
      hasTpm: false,
      disks: [
        {
          target: 'vda',
          alias: `ua-${VOLUME}`,
          volumeId: VOLUME,
          kind: 'file',
          path: '/pool/a',
          secretUuid: undefined,
          authSecretUuid: undefined,
        },
      ],
    })
  })

  it('come back from our own XML of a network disk, and name it to libvirt', () => {
    const facts = readDomain(domainXml(spec({ disks: [disk({ source: RBD_SOURCE })] }), FACTS)).disks[0]
    assert.ok(facts)
    assert.deepEqual(
      [facts.kind, facts.path, facts.secretUuid, facts.authSecretUuid],
      ['network', 'rbd:volumes/a', SECRET, CEPH_SECRET],
    )
    const node = readXml('test', 'disk', foundDiskXml(facts))
    assert.equal(attribute(node, 'type'), 'network')
    assert.equal(attribute(child(node, 'source'), 'name'), 'volumes/a')
  })

  it('tell ours by the metadata element of our name space with the domain’s own UUID', () => {
    const metadata = (element: string) => readDomain(xml(`<metadata>${element}</metadata>`)).ours
    const space = 'https://holdfast.dev/xmlns/instance/1'
    assert.equal(metadata(`<x:instance xmlns:x='${space}' id='${ID}'/>`), true)
    assert.equal(metadata(`<instance xmlns='${space}' id='${ID}'/>`), true)
    assert.equal(metadata(`<x:instance xmlns:x='${space}' id='${VOLUME}'/>`), false)
    assert.equal(metadata(`<x:instance xmlns:x='https://elsewhere' id='${ID}'/>`), false)
    assert.equal(metadata(`<holdfast:instance id='${ID}'/>`), false)
    assert.equal(readDomain(xml('')).ours, false)
  })

  it('know a volume by its alias first, then by a serial that is a UUID', () => {
    const volume = (inner: string) =>
      readDomain(xml(`<devices><disk type='file'><target dev='vda'/>${inner}</disk></devices>`)).disks[0]?.volumeId
    assert.equal(volume(`<alias name='ua-${VOLUME}'/><serial>${SECRET}</serial>`), VOLUME)
    assert.equal(volume(`<alias name='virtio-disk0'/><serial>${SECRET}</serial>`), SECRET)
    assert.equal(volume(`<serial>WD-1234</serial>`), undefined)
    assert.equal(volume(''), undefined)
  })

  it('know other kinds of disk, older places of the secret, a run and a TPM', () => {
    const facts = readDomain(
      xml(
        `<devices><tpm model='tpm-crb'/>
          <disk type='network'><source protocol='rbd' name='p/i'/><target dev='vda'/></disk>
          <disk type='network'><source protocol='rbd' name='p/j'/><target dev='vdd'/>
            <auth username='u'><secret type='ceph' uuid='${SECRET.toUpperCase()}'/></auth></disk>
          <disk type='volume'><target dev='vdb'/></disk>
          <disk type='block'><source dev='/dev/x'/><target dev='vdc'/>
            <encryption format='luks'><secret type='passphrase' uuid='${SECRET.toUpperCase()}'/></encryption></disk>
        </devices>`,
        "type='kvm' id='7'",
      ),
    )
    assert.equal(facts.runtimeId, 7)
    assert.equal(facts.hasTpm, true)
    assert.deepEqual(
      facts.disks.map(({ kind, path, secretUuid, authSecretUuid }) => [kind, path, secretUuid, authSecretUuid]),
      [
        ['network', 'rbd:p/i', undefined, undefined],
        ['network', 'rbd:p/j', undefined, SECRET],
        ['other', undefined, undefined, undefined],
        ['block', '/dev/x', SECRET, undefined],
      ],
    )
  })

  it('are never read from XML that is broken, hostile or not a domain', () => {
    const bad = [
      '',
      'text',
      '<domain>',
      '<domain></domain><domain></domain>',
      '<network/>',
      xml('').replace(ID, 'none'),
      xml('').replace('<name>n</name>', ''),
      xml('', "type='kvm' id='x'"),
      xml('<devices><disk/></devices>'),
      xml('<description>&unknown;</description>'),
      xml('<description>&#0;</description>'),
      xml('<description>a & b</description>'),
      xml('<description>\u0001</description>'),
      xml('<__proto__/>'),
      xml('<a b="1" b="2"/>'),
      `<!DOCTYPE domain>${xml('')}`,
      `<!DOCTYPE d [<!ENTITY e "x">]>${xml('<description>&e;</description>')}`,
      `<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]>${xml('<description>&e;</description>')}`,
      xml('<a>'.repeat(200) + '</a>'.repeat(200)),
    ]
    for (const text of bad) assert.throws(() => readDomain(text), code('corrupt'), text.slice(0, 80))
  })

  it('are read with numbered and named characters as they are meant', () => {
    const facts = readDomain(
      xml(`<devices><disk type='file'><source file='/a &amp;#10;&#x41;&lt;'/><target dev='vda'/></disk></devices>`),
    )
    assert.equal(facts.disks[0]?.path, '/a &#10;A<')
  })

  it('are enough to name a disk to libvirt', () => {
    const node = readXml('test', 'disk', foundDiskXml({ target: 'vda', kind: 'block', path: '/dev/x' }))
    assert.equal(attribute(child(node, 'source'), 'dev'), '/dev/x')
    assert.equal(attribute(child(node, 'target'), 'dev'), 'vda')
  })
})

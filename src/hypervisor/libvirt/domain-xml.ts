import { HoldfastError } from '#src/core/error.ts'
import { checkName, checkUuid } from '#src/core/names.ts'
import type { DiskFacts, DomainDisk, DomainInterface, DomainSpec } from '#src/hypervisor/hypervisor.ts'
import { writeXml, type XmlElement } from './xml.ts'

/** Namespace of the element by which a domain is known to be ours. */
export const METADATA_NAMESPACE = 'https://holdfast.dev/xmlns/instance/1'
export const METADATA_PREFIX = 'holdfast'

/** Alias of a volume's disk: libvirt keeps it as it is, and names it in device events. */
export const aliasOf = (volumeId: string): string => `ua-${volumeId}`

/** What the machine contributes to a domain, beside the spec. */
export interface MachineFacts {
  readonly domainType: 'kvm' | 'qemu'
  readonly emulator: string
  /** Paths of files whose file system refuses O_DIRECT. */
  readonly buffered: ReadonlySet<string>
}

const PATTERNS = {
  target: /^vd[a-z]{1,3}$/,
  mac: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i,
  device: /^[A-Za-z0-9._-]{1,15}$/,
  path: /^\//,
}

/**
 * libvirt's XML of a domain.
 * @throws HoldfastError `invalid-input` kinds for values that libvirt's XML must not hold
 */
export function domainXml(spec: DomainSpec, facts: MachineFacts): string {
  return writeXml('domain', {
    '@type': facts.domainType,
    name: checkName('instance name', spec.name),
    uuid: checkUuid('instance id', spec.id),
    metadata: {
      [`${METADATA_PREFIX}:instance`]: { [`@xmlns:${METADATA_PREFIX}`]: METADATA_NAMESPACE, '@id': spec.id },
    },
    memory: { '@unit': 'MiB', '#text': count('memory', spec.memoryMib) },
    vcpu: count('processors', spec.cpus),
    os: osElement(spec),
    features: { acpi: {}, apic: {} },
    // A named model misses what it lacks under emulation; `maximum` is all that the emulator can do.
    cpu: { '@mode': facts.domainType === 'kvm' ? 'host-passthrough' : 'maximum' },
    clock: { '@offset': 'utc' },
    on_poweroff: 'destroy',
    on_reboot: 'restart',
    on_crash: 'destroy',
    devices: devicesElement(spec, facts),
  })
}

/** XML of one disk, to be plugged in. It never claims a place in the boot order: the next `define` does. */
export const diskXml = (disk: DomainDisk, buffered: boolean): string =>
  writeXml('disk', diskElement({ ...disk, bootOrder: undefined }, buffered))

/** Enough of a disk that we found for libvirt to know which one is meant. */
export const foundDiskXml = ({ kind, path, target }: DiskFacts): string =>
  writeXml('disk', {
    '@type': kind === 'block' ? 'block' : 'file',
    '@device': 'disk',
    source: { [kind === 'block' ? '@dev' : '@file']: absolute('disk', path ?? '/') },
    target: { '@dev': target, '@bus': 'virtio' },
  })

function osElement({ kernel }: DomainSpec): XmlElement {
  return {
    type: { '@arch': 'x86_64', '@machine': 'pc', '#text': 'hvm' },
    kernel: kernel && absolute('kernel', kernel.image),
    initrd: kernel?.initrd === undefined ? undefined : absolute('initrd', kernel.initrd),
    cmdline: kernel?.append,
  }
}

function devicesElement(spec: DomainSpec, facts: MachineFacts): XmlElement {
  const disks = withBootOrder(spec)
  return {
    emulator: absolute('emulator', facts.emulator),
    disk: disks.map(disk => diskElement(disk, facts.buffered.has(disk.source.path))),
    controller: { '@type': 'usb', '@model': 'none' },
    interface: spec.interfaces.map(interfaceElement),
    serial: {
      '@type': 'pty',
      log: { '@file': absolute('console log', spec.consoleLog), '@append': 'on' },
      target: { '@port': 0 },
    },
    console: { '@type': 'pty', target: { '@type': 'serial', '@port': 0 } },
    memballoon: { '@model': 'none' },
    rng: { '@model': 'virtio', backend: { '@model': 'random', '#text': '/dev/urandom' } },
  }
}

/** Without a kernel and a boot order of its own a domain boots from its first disk. */
function withBootOrder({ disks, kernel }: DomainSpec): readonly DomainDisk[] {
  if (kernel || disks.some(disk => disk.bootOrder !== undefined)) return disks
  const [first] = disks.map(disk => disk.target).sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
  return disks.map(disk => (disk.target === first ? { ...disk, bootOrder: 1 } : disk))
}

function diskElement(disk: DomainDisk, buffered: boolean): XmlElement {
  const { kind, path, secretUuid } = disk.source
  return {
    '@type': kind,
    '@device': 'disk',
    driver: {
      '@name': 'qemu',
      '@type': 'raw',
      // Native AIO needs O_DIRECT (Launchpad 1841363: the two must be chosen together).
      '@cache': buffered ? 'writeback' : 'none',
      '@io': buffered ? 'threads' : 'native',
      '@discard': disk.discard ? 'unmap' : 'ignore',
    },
    source: {
      [kind === 'block' ? '@dev' : '@file']: absolute('disk', path),
      encryption: secretUuid === undefined ? undefined : encryptionElement(secretUuid),
    },
    target: { '@dev': matching('target', disk.target, PATTERNS.target), '@bus': 'virtio' },
    serial: checkUuid('volume id', disk.volumeId),
    alias: { '@name': aliasOf(disk.volumeId) },
    boot: disk.bootOrder === undefined ? undefined : { '@order': count('boot order', disk.bootOrder) },
    readonly: disk.readonly ? {} : undefined,
    shareable: disk.shareable ? {} : undefined,
  }
}

const encryptionElement = (secretUuid: string): XmlElement => ({
  '@format': 'luks',
  secret: { '@type': 'passphrase', '@uuid': checkUuid('secret', secretUuid) },
})

const interfaceElement = (nic: DomainInterface): XmlElement => ({
  '@type': 'bridge',
  mac: { '@address': matching('MAC address', nic.mac, PATTERNS.mac) },
  source: { '@bridge': matching('bridge', nic.bridge, PATTERNS.device) },
  target: { '@dev': matching('tap', nic.tap, PATTERNS.device) },
  model: { '@type': 'virtio' },
})

const absolute = (what: string, path: string): string => matching(`${what} path`, path, PATTERNS.path)

function matching(what: string, value: string, pattern: RegExp): string {
  if (pattern.test(value)) return value
  throw invalid(what, JSON.stringify(value.slice(0, 60)))
}

function count(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw invalid(what, String(value))
}

const invalid = (what: string, shown: string) =>
  new HoldfastError('invalid-input', 'invalid-domain', `${what} ${shown} cannot be put into a domain`)

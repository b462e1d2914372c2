import { checkName, checkUuid } from '#src/core/names.ts'
import type { DomainDisk, DomainInterface, DomainSpec } from '#src/hypervisor/hypervisor.ts'
import { diskElement } from './disk-xml.ts'
import { absolute, count, matching } from './values.ts'
import { writeXml, type XmlElement } from './xml.ts'

/** Namespace of the element by which a domain is known to be ours. */
export const METADATA_NAMESPACE = 'https://holdfast.dev/xmlns/instance/1'
export const METADATA_PREFIX = 'holdfast'

/** What the machine contributes to a domain, beside the spec. */
export interface MachineFacts {
  readonly domainType: 'kvm' | 'qemu'
  readonly emulator: string
  /** Paths of files whose file system refuses O_DIRECT. */
  readonly buffered: ReadonlySet<string>
}

const PATTERNS = {
  mac: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i,
  device: /^[A-Za-z0-9._-]{1,15}$/,
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

const interfaceElement = (nic: DomainInterface): XmlElement => ({
  '@type': 'bridge',
  mac: { '@address': matching('MAC address', nic.mac, PATTERNS.mac) },
  source: { '@bridge': matching('bridge', nic.bridge, PATTERNS.device) },
  target: { '@dev': matching('tap', nic.tap, PATTERNS.device) },
  model: { '@type': 'virtio' },
})

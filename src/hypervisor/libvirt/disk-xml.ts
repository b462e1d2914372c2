import type { GuestSource, NetworkDisk } from '#src/core/disk.ts'
import { checkUuid } from '#src/core/names.ts'
import { checkNetworkDisk } from '#src/host/ceph/names.ts'
import type { DiskFacts, DomainDisk } from '#src/hypervisor/hypervisor.ts'
import { absolute, count, invalid, matching } from './values.ts'
import { writeXml, type XmlElement } from './xml.ts'

/** Alias of a volume's disk: libvirt keeps it as it is, and names it in device events. */
export const aliasOf = (volumeId: string): string => `ua-${volumeId}`

const TARGET = /^vd[a-z]{1,3}$/
const RBD = 'rbd:'

/** XML of one disk, to be plugged in. It never claims a place in the boot order: the next `define` does. */
export const diskXml = (disk: DomainDisk, buffered: boolean): string =>
  writeXml('disk', diskElement({ ...disk, bootOrder: undefined }, buffered))

/** Enough of a disk that we found for libvirt to know which one is meant. */
export function foundDiskXml({ kind, path = '/', target }: DiskFacts): string {
  const network = kind === 'network' && path.startsWith(RBD)
  const source = network
    ? { '@protocol': 'rbd', '@name': path.slice(RBD.length) }
    : { [kind === 'block' ? '@dev' : '@file']: absolute('disk', path) }
  return writeXml('disk', {
    '@type': network ? 'network' : kind === 'block' ? 'block' : 'file',
    '@device': 'disk',
    source,
    target: { '@dev': target, '@bus': 'virtio' },
  })
}

/** One disk of a domain. `buffered`: its file cannot be opened with O_DIRECT. */
export function diskElement(disk: DomainDisk, buffered: boolean): XmlElement {
  const { kind } = disk.source
  return {
    '@type': kind,
    '@device': 'disk',
    driver: {
      '@name': 'qemu',
      '@type': 'raw',
      '@cache': buffered ? 'writeback' : 'none',
      // Native AIO needs O_DIRECT (Launchpad 1841363: the two must be chosen together); a network has neither.
      '@io': kind === 'network' ? undefined : buffered ? 'threads' : 'native',
      '@discard': disk.discard ? 'unmap' : 'ignore',
    },
    source: sourceElement(disk.source),
    target: { '@dev': matching('target', disk.target, TARGET), '@bus': 'virtio' },
    serial: checkUuid('volume id', disk.volumeId),
    alias: { '@name': aliasOf(disk.volumeId) },
    boot: disk.bootOrder === undefined ? undefined : { '@order': count('boot order', disk.bootOrder) },
    readonly: disk.readonly ? {} : undefined,
    shareable: disk.shareable ? {} : undefined,
  }
}

function sourceElement({ kind, path, network, secretUuid }: GuestSource): XmlElement {
  const encryption = secretUuid === undefined ? undefined : encryptionElement(secretUuid)
  if (kind !== 'network') return { [kind === 'block' ? '@dev' : '@file']: absolute('disk', path), encryption }
  if (!network || path !== `${RBD}${network.name}`) throw invalid('network disk', JSON.stringify(path.slice(0, 60)))
  return { ...networkAttributes(network), encryption }
}

/** The monitors, and who logs in with which secret (Nova `nova/virt/libvirt/volume/net.py`). */
function networkAttributes(disk: NetworkDisk): XmlElement {
  checkNetworkDisk(disk)
  const { protocol, name, hosts, auth } = disk
  return {
    '@protocol': protocol,
    '@name': name,
    host: hosts.map(host => ({ '@name': host.name, '@port': host.port })),
    auth: auth && { '@username': auth.username, secret: { '@type': 'ceph', '@uuid': auth.secretUuid } },
  }
}

const encryptionElement = (secretUuid: string): XmlElement => ({
  '@format': 'luks',
  secret: { '@type': 'passphrase', '@uuid': checkUuid('secret', secretUuid) },
})

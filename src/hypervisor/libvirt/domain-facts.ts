import { isUuid } from '#src/core/names.ts'
import type { DiskFacts } from '#src/hypervisor/hypervisor.ts'
import { METADATA_NAMESPACE } from './domain-xml.ts'
import { attribute, child, children, corrupt, readXml, textOf, type XmlNode } from './xml.ts'

/** A disk with what libvirt calls it. */
export interface FoundDisk extends DiskFacts {
  readonly alias?: string | undefined
}

/** What one configuration of a domain says. */
export interface DomainConfiguration {
  readonly id: string
  readonly name: string
  /** Of the run; only in the XML of a running domain. */
  readonly runtimeId?: number | undefined
  readonly ours: boolean
  readonly hasTpm: boolean
  readonly disks: readonly FoundDisk[]
}

/** libvirt's domain XML as facts, ours or not. @throws HoldfastError `corrupt` */
export function readDomain(xml: string): DomainConfiguration {
  const what = "libvirt's XML of a domain"
  const domain = readXml(what, 'domain', xml)
  const id = textOf(child(domain, 'uuid'))?.toLowerCase()
  const name = textOf(child(domain, 'name'))
  if (id === undefined || !isUuid(id)) throw corrupt(what, 'it has no UUID')
  if (name === undefined || name === '') throw corrupt(what, `domain ${id} has no name`)
  const devices = child(domain, 'devices')
  return {
    id,
    name,
    runtimeId: readRuntimeId(what, domain),
    ours: isOurs(child(domain, 'metadata'), id),
    hasTpm: children(devices, 'tpm').length > 0,
    disks: children(devices, 'disk').map(disk => readDisk(`${what} '${name}'`, disk)),
  }
}

function readRuntimeId(what: string, domain: XmlNode): number | undefined {
  const text = attribute(domain, 'id')
  if (text === undefined || text === '-1') return undefined
  if (/^[0-9]{1,9}$/.test(text)) return Number(text)
  throw corrupt(what, `its id is ${JSON.stringify(text.slice(0, 20))}`)
}

/** Our element, whatever prefix it has by now, with the domain's own UUID: a copy of our XML is not ours. */
function isOurs(metadata: XmlNode | undefined, id: string): boolean {
  return Object.entries(metadata ?? {}).some(([name, nodes]) => {
    const [prefix, local] = name.includes(':') ? (name.split(':', 2) as [string, string]) : [undefined, name]
    if (local !== 'instance' || typeof nodes === 'string') return false
    const declaration = prefix === undefined ? 'xmlns' : `xmlns:${prefix}`
    return nodes.some(node => attribute(node, declaration) === METADATA_NAMESPACE && attribute(node, 'id') === id)
  })
}

function readDisk(what: string, disk: XmlNode): FoundDisk {
  const target = attribute(child(disk, 'target'), 'dev')
  if (target === undefined || target === '') throw corrupt(what, 'it has a disk without a target')
  const source = child(disk, 'source')
  const type = attribute(disk, 'type')
  const alias = attribute(child(disk, 'alias'), 'name')
  const kind = type === 'block' || type === 'file' || type === 'network' ? type : 'other'
  return {
    target,
    alias,
    volumeId: volumeIdOf(alias, textOf(child(disk, 'serial'))),
    kind,
    path: pathOf(kind, source),
    secretUuid: secretOf('encryption', source) ?? secretOf('encryption', disk),
    authSecretUuid: secretOf('auth', source) ?? secretOf('auth', disk),
  }
}

function pathOf(kind: DiskFacts['kind'], source: XmlNode | undefined): string | undefined {
  if (kind === 'block') return attribute(source, 'dev')
  if (kind === 'file') return attribute(source, 'file')
  const [protocol, name] = [attribute(source, 'protocol'), attribute(source, 'name')]
  return kind === 'network' && protocol !== undefined && name !== undefined ? `${protocol}:${name}` : undefined
}

/** The alias first, then the serial (Nova `_detach_with_retry` looks in this order too). */
function volumeIdOf(alias: string | undefined, serial: string | undefined): string | undefined {
  if (alias?.startsWith('ua-') && isUuid(alias.slice(3))) return alias.slice(3)
  return serial !== undefined && isUuid(serial) ? serial : undefined
}

/** libvirt writes the elements below the source; versions before 3.9 wrote them below the disk. */
const secretOf = (element: 'encryption' | 'auth', node: XmlNode | undefined): string | undefined =>
  attribute(child(node, element, 'secret'), 'uuid')?.toLowerCase()

import { isHoldfastError } from '#src/core/error.ts'
import type { DiskFacts, DomainFacts } from '#src/hypervisor/hypervisor.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import { type Diagnosis, FOREIGN, harmless, operators } from './diagnosis.ts'
import { instanceLabel, type Picture } from './picture.ts'

/** The disks of running domains, live and persistent, against the records and what stands below; and domains of others. */
export function compareDomains(picture: Picture): readonly Diagnosis[] {
  return (picture.facts.domains ?? []).flatMap(domain => {
    const instance = picture.instance(domain.id)
    if (!instance) return [withoutRecord(domain)]
    if (!domain.ours || picture.isInterrupted(instance.id)) return []
    return [...compareLive(picture, instance, domain), ...comparePersistent(picture, instance, domain)]
  })
}

function withoutRecord(domain: DomainFacts): Diagnosis {
  const object = `domain ${domain.name}`
  if (!domain.ours) {
    const message = `domain ${domain.name} (${domain.id}) is ${domain.state}; Holdfast did not make it`
    return harmless({ code: 'domain-foreign', key: domain.id, object, owner: FOREIGN, message })
  }
  return operators(
    {
      code: 'domain-not-recorded',
      key: domain.id,
      danger: 'medium',
      object,
      owner: "another state directory's, or an instance that an older state was restored over",
      message: `domain ${domain.name} (${domain.id}) has Holdfast's mark and is ${domain.state}, but is not recorded here`,
    },
    'look in the other state directory, or take it away',
    ['holdfast --state DIR instance list', `virsh dumpxml ${domain.id}`],
  )
}

function compareLive(picture: Picture, instance: InstanceRecord, domain: DomainFacts): readonly Diagnosis[] {
  if (!picture.runs(instance)) return []
  const rows = picture.mappingsOf(instance.id)
  const unknown = domain.liveDisks
    .filter(disk => !rows.some(row => row.target === disk.target))
    .map(disk => notRecorded(instance, disk, 'the running guest has'))
  return [...unknown, ...rows.flatMap(row => compareDisk(picture, instance, domain, row))]
}

function compareDisk(
  picture: Picture,
  instance: InstanceRecord,
  { liveDisks }: DomainFacts,
  row: BlockDeviceMapping,
): readonly Diagnosis[] {
  const disk = liveDisks.find(({ target }) => target === row.target)
  const label = picture.volumeLabel(row.volumeId)
  const common = {
    key: row.id,
    object: `disk ${row.target} of domain ${instance.name}`,
    owner: `${instanceLabel(instance)}, volume ${label}`,
  }
  if (!disk) {
    const message = `the running guest of instance ${instance.name} lacks volume ${label}, which is recorded as ${row.target}`
    return [rebuild(instance, { ...common, code: 'disk-missing', danger: 'medium', message })]
  }
  const standing = picture.facts.standing.get(row.id)
  if (!standing) return []
  if (isHoldfastError(standing)) {
    const secretGone = row.mechanism === 'native' && disk.secretUuid !== undefined
    if (secretGone) {
      const message = `libvirt no longer has the secret of volume ${label}; the guest runs on, and the next start makes it anew`
      return [harmless({ ...common, code: 'secret-missing', message }, 'low')]
    }
    const message = `what the guest of instance ${instance.name} has as ${row.target} cannot be proved to be volume ${label}: ${standing.message}`
    return [rebuild(instance, { ...common, code: 'disk-not-verified', danger: 'high', message })]
  }
  if (disk.path === standing.path && disk.secretUuid === standing.secretUuid) return []
  const message = `the guest of instance ${instance.name} has ${disk.path ?? 'something else'} as ${row.target}, not ${standing.path}`
  return [rebuild(instance, { ...common, code: 'disk-wrong-source', danger: 'high', message })]
}

/** The next start by Holdfast makes the configuration anew; one by somebody else would take it as it is. */
function comparePersistent(picture: Picture, instance: InstanceRecord, domain: DomainFacts): readonly Diagnosis[] {
  if (!domain.persistent) return []
  const rows = picture.mappingsOf(instance.id)
  const recorded = new Set(rows.map(row => row.target))
  const found = new Set(domain.persistentDisks.map(disk => disk.target))
  const differing = [...recorded]
    .filter(target => !found.has(target))
    .concat([...found].filter(target => !recorded.has(target)))
  if (differing.length === 0) return []
  const message =
    `the configuration of the next start of domain ${instance.name} differs from the records in ${differing.sort().join(', ')}; ` +
    'a start by Holdfast makes it anew, one by virsh would not'
  const object = `configuration of domain ${instance.name}`
  return [
    rebuild(instance, {
      code: 'configuration-differs',
      key: instance.id,
      danger: 'low',
      object,
      owner: instanceLabel(instance),
      message,
    }),
  ]
}

const notRecorded = (instance: InstanceRecord, disk: DiskFacts, who: string): Diagnosis =>
  rebuild(instance, {
    code: 'disk-not-recorded',
    key: `${instance.id}:${disk.target}`,
    danger: 'high',
    object: `disk ${disk.target} of domain ${instance.name}`,
    owner: disk.volumeId === undefined ? FOREIGN : `volume ${disk.volumeId}`,
    message: `${who} ${disk.path ?? 'something'} as ${disk.target}, which is not recorded for instance ${instance.name}`,
  })

/** Only a new start gives the guest other disks for certain, and that is for the operator to order. */
const rebuild = (instance: InstanceRecord, difference: Parameters<typeof operators>[0]): Diagnosis =>
  operators(difference, 'rebuild the instance from its records; its guest is restarted', [
    `holdfast instance reboot --hard ${instance.name}`,
  ])

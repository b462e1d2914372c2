import type { SourceFacts } from '#src/connectors/connector.ts'
import type { ViewFacts } from '#src/encryptors/encryptor.ts'
import type { InstanceRecord } from '#src/store/records.ts'
import { type Diagnosis, FOREIGN, fixable, harmless, operators } from './diagnosis.ts'
import { instanceLabel, type Picture } from './picture.ts'

/** Crypt mappings, secrets, loop devices and taps, against who should have them open now. */
export const compareDevices = (picture: Picture): readonly Diagnosis[] => [
  ...(picture.facts.cryptMappings ?? []).flatMap(view => compareView(picture, 'dm-crypt', view)),
  ...(picture.facts.secrets ?? []).flatMap(view => compareView(picture, 'native', view)),
  ...(picture.facts.sources ?? []).flatMap(source => compareSource(picture, source)),
  ...compareTaps(picture),
]

type Standing =
  | { readonly is: 'expected' | 'unknown' }
  | { readonly is: 'foreign' }
  | { readonly is: 'left-by'; readonly instance: InstanceRecord }
  | { readonly is: 'left' }

/** Whether something that stands for this volume should stand. `mine`: it is ours although no record has the volume any more. */
function judge(picture: Picture, volumeId: string | undefined, mine: boolean): Standing {
  if (volumeId === undefined) return { is: 'foreign' }
  const owners = picture.ownersOf(volumeId)
  if (owners.some(owner => picture.isInterrupted(owner.id) || picture.runs(owner) !== false)) return { is: 'expected' }
  const [first] = owners
  if (first) return { is: 'left-by', instance: first }
  if (!picture.facts.volumes) return { is: 'unknown' }
  return mine || picture.knowsVolume(volumeId) ? { is: 'left' } : { is: 'foreign' }
}

function compareView(picture: Picture, mechanism: 'dm-crypt' | 'native', view: ViewFacts): readonly Diagnosis[] {
  const mapping = mechanism === 'dm-crypt'
  const noun = mapping ? 'mapping' : 'secret'
  const object = `${noun} ${view.name}`
  const standing = judge(picture, view.volumeId, mapping && liesOnOurs(picture, view))
  const key = view.name
  if (standing.is === 'foreign') {
    const message = mapping
      ? `crypt mapping ${view.name} over ${view.over ?? 'a device'}${held(view.holders)}`
      : `libvirt secret ${view.name}`
    return [harmless({ code: `${noun}-foreign`, key, object, owner: FOREIGN, message })]
  }
  const volumeId = view.volumeId ?? ''
  const label = picture.volumeLabel(volumeId)
  if (standing.is === 'expected') return mountedOnHost(picture, { key, object, label, volumeId, holders: view.holders })
  if (standing.is === 'unknown') return []
  // Whoever is root on the host can read what an open mapping shows.
  const danger = mapping ? 'medium' : 'low'
  const what = mapping
    ? `volume ${label} is open (decrypted) at ${view.path ?? view.name}${held(view.holders)}`
    : `libvirt has the secret of volume ${label}`
  if (standing.is === 'left-by')
    return [leftBy(standing.instance, { code: `${noun}-leftover`, key, danger, object, label, what })]
  return [
    fixable(
      {
        code: `${noun}-leftover`,
        key,
        danger,
        object,
        owner: `volume ${label}`,
        message: `${what}, though no instance has it`,
      },
      mapping ? 'close the mapping' : 'remove the secret',
      [mapping ? `close mapping ${view.name}` : `undefine secret ${view.name}`],
      { do: 'lock', mechanism, volumeId, luksUuid: view.luksUuid },
    ),
  ]
}

const liesOnOurs = ({ facts }: Picture, { over }: ViewFacts): boolean =>
  facts.sources?.some(source => source.path === over && source.volumeId !== undefined) === true

/** What connectors have on the host: loop devices over files of the pool, and secrets for images of Ceph, which have no path. */
const LOOP = {
  code: 'loop',
  object: 'loop device ',
  verb: 'is attached to',
  mend: 'detach the loop device',
  mends: 'detach',
} as const
const CEPH = {
  code: 'ceph-secret',
  object: '',
  verb: 'opens',
  mend: 'remove the secret',
  mends: 'undefine',
} as const

function compareSource(picture: Picture, source: SourceFacts): readonly Diagnosis[] {
  const key = source.path
  const noun = key.startsWith('/') ? LOOP : CEPH
  const object = `${noun.object}${source.path}`
  const standing = judge(picture, source.volumeId, true)
  if (standing.is === 'foreign') {
    return [
      harmless({
        code: `${noun.code}-foreign`,
        key,
        object,
        owner: FOREIGN,
        message: `${source.path} over ${source.over}${held(source.holders)}`,
      }),
    ]
  }
  const volumeId = source.volumeId ?? ''
  const label = picture.volumeLabel(volumeId)
  if (standing.is === 'expected')
    return mountedOnHost(picture, { key, object, label, volumeId, holders: source.holders })
  if (standing.is === 'unknown') return []
  const what = `${source.path} ${noun.verb} ${source.over} of volume ${label}${held(source.holders)}`
  if (standing.is === 'left-by')
    return [leftBy(standing.instance, { code: `${noun.code}-leftover`, key, danger: 'low', object, label, what })]
  return [
    fixable(
      {
        code: `${noun.code}-leftover`,
        key,
        danger: 'low',
        object,
        owner: `volume ${label}`,
        message: `${what}, though no instance has it`,
      },
      noun.mend,
      [`${noun.mends} ${source.path}`],
      { do: 'remove-source', source },
    ),
  ]
}

const held = (holders: readonly string[]): string => (holders.length === 0 ? '' : `, held by ${holders.join(', ')}`)

/** A guest has the volume; if the host has mounted it too there are two writers. */
function mountedOnHost(
  picture: Picture,
  device: { key: string; object: string; label: string; volumeId: string; holders: readonly string[] },
): readonly Diagnosis[] {
  // Names of domains, processes and volume groups are in there too; what is over a mapping that is listed is told of that.
  const listed = (picture.facts.cryptMappings ?? []).map(({ name }) => `mapping ${name}`)
  const mounts = device.holders.filter(
    holder => /(?:^a mount|, mounted) at \//.test(holder) && !listed.includes(holder.split(', ')[0] ?? ''),
  )
  const running = picture.ownersOf(device.volumeId).filter(owner => picture.runs(owner))
  if (mounts.length === 0 || running.length === 0) return []
  const owner = `${running.map(instanceLabel).join(', ')}, volume ${device.label}`
  const message = `volume ${device.label} is in use by a running guest and by ${mounts.join(', ')} on the host: two writers destroy a file system`
  const { key, object } = device
  return [
    operators(
      { code: 'volume-mounted', key, danger: 'high', object, owner, message },
      'unmount it on the host at once',
      [`umount ${mounts[0]?.split(' at ')[1]?.split(',')[0] ?? object}`],
    ),
  ]
}

function leftBy(
  instance: InstanceRecord,
  found: { code: string; key: string; danger: 'low' | 'medium'; object: string; label: string; what: string },
): Diagnosis {
  const { code, key, danger, object, label, what } = found
  return fixable(
    {
      code,
      key,
      danger,
      object,
      owner: `${instanceLabel(instance)}${label && `, volume ${label}`}`,
      message: `${what}, though instance ${instance.name} does not run`,
    },
    `tear down what is left of instance ${instance.name}`,
    ['close and disconnect its volumes, remove its interfaces; records, attachments and data stay'],
    { do: 'tear-down', instanceId: instance.id },
  )
}

function compareTaps(picture: Picture): readonly Diagnosis[] {
  const { taps, instances } = picture.facts
  if (!taps) return []
  const owners = new Map(instances.flatMap(instance => instance.interfaces.map(({ tap }) => [tap, instance] as const)))
  const missing = instances
    .filter(instance => picture.runs(instance) && !picture.isInterrupted(instance.id))
    .flatMap(instance =>
      instance.interfaces
        .filter(({ tap }) => !taps.some(({ name }) => name === tap))
        .map(({ tap }) => tapMissing(instance, tap)),
    )
  return [
    ...missing,
    ...taps.flatMap(({ name, bridge }) => {
      const object = `tap ${name}`
      const owner = owners.get(name)
      if (!owner) {
        const message = `tap ${name}${bridge ? ` on bridge ${bridge}` : ''}`
        return [harmless({ code: 'tap-foreign', key: name, object, owner: FOREIGN, message })]
      }
      if (picture.runs(owner) !== false || picture.isInterrupted(owner.id)) return []
      return [
        leftBy(owner, {
          code: 'tap-leftover',
          key: name,
          danger: 'low',
          object,
          label: '',
          what: `tap ${name} is there`,
        }),
      ]
    }),
  ]
}

const tapMissing = (instance: InstanceRecord, tap: string): Diagnosis =>
  operators(
    {
      code: 'tap-missing',
      key: tap,
      danger: 'medium',
      object: `tap ${tap}`,
      owner: instanceLabel(instance),
      message: `the guest of instance ${instance.name} runs without its network interface ${tap}`,
    },
    'rebuild the instance from its records; its guest is restarted',
    [`holdfast instance reboot --hard ${instance.name}`],
  )

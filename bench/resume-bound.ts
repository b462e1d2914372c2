import type { DerivationCost } from '#src/encryptors/encryptor.ts'
import type { BoundsSettings } from '#src/engine/bounds.ts'

/** A volume as far as its way up takes time. */
export interface TimedVolume {
  readonly id: string
  readonly derivation: DerivationCost
}

/**
 * Milliseconds of what the simulated host is asked and told. What starts a tool is as measured in the lab's guest, where
 * starting a process takes 50 ms; libvirt is as measured with QEMU without KVM; services and store are the embedded ones
 * on a disk that syncs in 4 ms.
 */
const LATENCY = {
  'store commit': 4,
  'volumes attachment-get': 1,
  'keys get': 1,
  'libvirt observe': 5,
  'libvirt wait destroyed': 5,
  'libvirt undefine': 10,
  'libvirt define': 15,
  'libvirt start': 400,
  'libvirt wait running': 5,
  'nic find': 2,
  'nic check': 2,
  // losetup once; losetup twice
  'connector find': 50,
  'connector check': 50,
  'connector probe': 50,
  'losetup attach': 100,
  // dmsetup once, twice
  'luks find': 50,
  'luks look': 50,
  'luks probe': 100,
  'luks cost': 2,
} as const

type Kind = keyof typeof LATENCY

/** A cheap key slot took 160 to 230 ms in the lab; one of argon2id with 1 GiB 2.2 s on two processors of bare metal. */
const [CHEAP_FROM_MS, CHEAP_TO_MS, HARD_MS] = [160, 230, 2200]

/** Opening a volume's key slot: not all the same, but the same at each run. */
function openMs({ id, derivation }: TimedVolume): number {
  if (derivation.memoryBytes > 0) return HARD_MS
  return CHEAP_FROM_MS + (Number.parseInt(id.slice(0, 8), 16) % (CHEAP_TO_MS - CHEAP_FROM_MS + 1))
}

/** By the name of a point of the simulated host; the store writes one commit after the other. */
export function latencyOf(volumes: readonly TimedVolume[], now: () => number): (point: { name: string }) => number {
  const kinds = Object.keys(LATENCY) as Kind[]
  const opening = new Map(volumes.map(volume => [`cryptsetup luksOpen crypt-${volume.id}`, openMs(volume)]))
  let storeFreeAt = 0
  return ({ name }) => {
    if (name.startsWith('store read')) return 0
    const kind = kinds.find(known => name === known || name.startsWith(`${known} `))
    const ms = opening.get(name) ?? (kind && LATENCY[kind])
    if (ms === undefined) throw new Error(`nobody said how long '${name}' takes`)
    if (kind !== 'store commit') return ms
    storeFreeAt = Math.max(storeFreeAt, now()) + ms
    return storeFreeAt - now()
  }
}

const total = (...kinds: readonly Kind[]): number => kinds.reduce((sum, kind) => sum + LATENCY[kind], 0)
const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)

/** What each volume and each domain has to pass on its way up, by what it needs of the host meanwhile. */
const VOLUME = {
  down: total('luks find', 'connector find'),
  connect: total('connector check', 'losetup attach'),
  before: total('keys get', 'luks cost'),
  unlock: (volume: TimedVolume) => total('luks look') + openMs(volume),
  proof: total('connector probe', 'luks probe'),
}
const DOMAIN = {
  io: total('libvirt wait destroyed', 'libvirt define', 'libvirt start'),
  free: total(
    'libvirt observe',
    'volumes attachment-get',
    'nic find',
    'libvirt undefine',
    'nic check',
    'libvirt observe',
    'libvirt wait running',
  ),
}

/** How much of each bounded resource an instance keeps, and for how long: processors, bytes, places; times milliseconds. */
interface Work {
  readonly processors: number
  readonly memory: number
  readonly io: number
  /** Its own chain, alone on the host, volumes side by side: so long it keeps a lane at least. */
  readonly chain: number
}

function workOf(volumes: readonly TimedVolume[], bounds: BoundsSettings): Work {
  const deriving = (need: (cost: DerivationCost) => number) =>
    sum(volumes.map(volume => VOLUME.unlock(volume) * need(volume.derivation)))
  const longest = Math.max(...volumes.map(VOLUME.unlock))
  return {
    processors: deriving(({ threads }) => Math.min(threads, bounds.processors)),
    memory: deriving(({ memoryBytes }) => Math.min(memoryBytes, bounds.derivationMemoryBytes)),
    io: volumes.length * (VOLUME.down + VOLUME.connect) + DOMAIN.io,
    chain: DOMAIN.io + DOMAIN.free + VOLUME.down + VOLUME.connect + VOLUME.before + longest + VOLUME.proof,
  }
}

/**
 * No schedule within these bounds brings all instances back sooner, milliseconds. `instances`: in the order in which they
 * are to begin. It is the greatest of what each bounded resource has to do in all, divided by how much there is of it; and
 * of the chain of each instance, after the least that has to be done before there is a lane for it. Writing the journal
 * is left out: that is the engine's own.
 */
export function lowerBound(instances: readonly (readonly TimedVolume[])[], bounds: BoundsSettings): number {
  const works = instances.map(volumes => workOf(volumes, bounds))
  const least = (among: readonly Work[], count: number): number => {
    const cheapest = (pick: (work: Work) => number) =>
      sum(
        among
          .map(pick)
          .toSorted((a, b) => a - b)
          .slice(0, count),
      )
    return Math.max(
      cheapest(({ processors }) => processors) / bounds.processors,
      cheapest(({ memory }) => memory) / bounds.derivationMemoryBytes,
      cheapest(({ io }) => io) / bounds.io,
      cheapest(({ chain }) => chain) / bounds.instances,
    )
  }
  const ends = works.map(({ chain }, before) => {
    const mustBeBack = Math.max(0, before + 1 - bounds.instances)
    return least(works.slice(0, before), mustBeBack) + chain
  })
  return Math.max(least(works, works.length), ...ends)
}

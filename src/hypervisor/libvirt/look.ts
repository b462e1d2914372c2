import { mapSettled } from '#src/core/concurrency.ts'
import type { DiskFacts, DomainFacts, DomainState } from '#src/hypervisor/hypervisor.ts'
import { type Domain, DomainXML, isLibvirtCode, type Libvirt, DomainState as State } from '#src/libvirt/index.ts'
import { type DomainConfiguration, type FoundDisk, readDomain } from './domain-facts.ts'
import { domainForeign, domainNotFound } from './errors.ts'

/** A domain at one moment. */
export interface Look {
  readonly dom: Domain
  readonly state: DomainState
  /** Why it is in this state, as libvirt numbers it. */
  readonly reason: number
  readonly id: string
  readonly name: string
  readonly ours: boolean
  /** The running configuration; undefined while off. */
  readonly live?: DomainConfiguration | undefined
  /** The configuration of the next start; undefined for a transient domain. */
  readonly persistent?: DomainConfiguration | undefined
}

const ATTEMPTS = 5
const BOUND = 4

const STATES: Readonly<Record<number, DomainState>> = {
  [State.NOSTATE]: 'running',
  [State.RUNNING]: 'running',
  [State.BLOCKED]: 'running',
  [State.PAUSED]: 'paused',
  [State.SHUTDOWN]: 'shutting-down',
  [State.SHUTOFF]: 'shutoff',
  [State.CRASHED]: 'crashed',
  [State.PMSUSPENDED]: 'suspended',
}

/** The domain as it is now; undefined if libvirt has none of this UUID. */
export async function look(libvirt: Libvirt, id: string, signal?: AbortSignal): Promise<Look | undefined> {
  const dom = await present(libvirt.domain.lookupByUUID(id, { signal }))
  return dom && (await lookAt(libvirt, dom, signal))
}

/** As `look`, for a verb that changes it. @throws HoldfastError `domain-foreign` */
export async function lookOwn(libvirt: Libvirt, id: string, signal?: AbortSignal): Promise<Look | undefined> {
  const found = await look(libvirt, id, signal)
  if (found && !found.ours) throw domainForeign(`domain '${found.name}' has UUID ${id}`)
  return found
}

/** As `lookOwn`. @throws HoldfastError `domain-not-found`, `domain-foreign` */
export async function lookExisting(libvirt: Libvirt, id: string, signal?: AbortSignal): Promise<Look> {
  const found = await lookOwn(libvirt, id, signal)
  if (!found) throw domainNotFound(id)
  return found
}

export async function lookAtAll(libvirt: Libvirt, signal?: AbortSignal): Promise<readonly Look[]> {
  const domains = await libvirt.connect.listAllDomains(0, { signal })
  const looks = await mapSettled(domains, BOUND, dom => lookAt(libvirt, dom, signal))
  return looks.flatMap(outcome => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value ?? []
  })
}

/** The answers come one by one; a domain that started or stopped between them is asked again. */
async function lookAt(libvirt: Libvirt, dom: Domain, signal?: AbortSignal): Promise<Look | undefined> {
  for (let attempt = 1; ; attempt++) {
    const found = await present(lookOnce(libvirt, dom, signal))
    if (!found) return undefined
    const off = found.state === 'shutoff'
    if (found.state === 'crashed' || off === (found.live === undefined)) return found
    if (attempt === ATTEMPTS) return { ...found, state: off ? 'running' : 'shutoff' }
  }
}

async function lookOnce(libvirt: Libvirt, dom: Domain, signal?: AbortSignal): Promise<Look> {
  const { domain } = libvirt
  const [{ state, reason }, isPersistent, now, next] = await Promise.all([
    domain.getState(dom, { signal }),
    domain.isPersistent(dom, { signal }),
    domain.getXMLDesc(dom, 0, { signal }),
    domain.getXMLDesc(dom, DomainXML.INACTIVE, { signal }),
  ])
  const current = readDomain(now)
  const live = current.runtimeId === undefined ? undefined : current
  return {
    dom,
    state: STATES[state] ?? 'running',
    reason,
    id: current.id,
    name: current.name,
    ours: current.ours,
    live,
    persistent: isPersistent ? readDomain(next) : undefined,
  }
}

async function present<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (isLibvirtCode(error, 'NO_DOMAIN')) return undefined
    throw error
  }
}

/** What the port tells of a domain. */
export const factsOf = (found: Look): DomainFacts => ({
  id: found.id,
  name: found.name,
  state: found.state,
  persistent: found.persistent !== undefined,
  runtimeId: found.live?.runtimeId,
  ours: found.ours,
  liveDisks: diskFacts(found.live),
  persistentDisks: diskFacts(found.persistent),
})

const diskFacts = (configuration: DomainConfiguration | undefined): readonly DiskFacts[] =>
  configuration?.disks.map(({ alias: _, ...facts }) => facts) ?? []

/** The disk of this volume: by our alias first, then by its serial. */
export const diskOf = (configuration: DomainConfiguration | undefined, volumeId: string): FoundDisk | undefined =>
  configuration?.disks.find(disk => disk.alias === `ua-${volumeId}`) ??
  configuration?.disks.find(disk => disk.volumeId === volumeId)

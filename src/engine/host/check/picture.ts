import type { SourceFacts } from '#src/connectors/connector.ts'
import type { GuestSource } from '#src/core/disk.ts'
import type { HoldfastError } from '#src/core/error.ts'
import type { ViewFacts } from '#src/encryptors/encryptor.ts'
import type { DomainFacts } from '#src/hypervisor/hypervisor.ts'
import type { OperationRecord } from '#src/journal/operation.ts'
import type { TapFacts } from '#src/nics/nic.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import type { Attachment, Volume } from '#src/volumes/volume-service.ts'
import { LIVE } from '../../admission.ts'

/** What is recorded, and what is really there. A part that could not be looked at is undefined: nothing is said of it. */
export interface Facts {
  readonly bootId: string
  readonly instances: readonly InstanceRecord[]
  readonly mappings: readonly BlockDeviceMapping[]
  /** Left by an earlier process; empty while another process is at work, for then they are its own. */
  readonly unfinished: readonly OperationRecord[]
  /** Instances that the journal knows although they are gone. */
  readonly former: ReadonlySet<string>
  readonly domains?: readonly DomainFacts[] | undefined
  readonly cryptMappings?: readonly ViewFacts[] | undefined
  readonly secrets?: readonly ViewFacts[] | undefined
  readonly sources?: readonly SourceFacts[] | undefined
  readonly taps?: readonly TapFacts[] | undefined
  /** Of every volume that is not free, and of every recorded one. */
  readonly attachments?: readonly Attachment[] | undefined
  /** All of the embedded service, and those of clouds that are recorded. */
  readonly volumes?: readonly Volume[] | undefined
  /** Of the volumes of instances that run, by mapping id: the verified view, or why there is none. */
  readonly standing: ReadonlyMap<string, GuestSource | HoldfastError>
}

/** The facts, with the questions that every comparison asks. */
export class Picture {
  readonly facts: Facts
  readonly #instances: ReadonlyMap<string, InstanceRecord>
  readonly #domains: ReadonlyMap<string, DomainFacts>
  readonly #byVolume: ReadonlyMap<string, readonly BlockDeviceMapping[]>
  readonly #byInstance: ReadonlyMap<string, readonly BlockDeviceMapping[]>
  readonly #volumes: ReadonlyMap<string, Volume>
  readonly #busy: ReadonlySet<string>

  constructor(facts: Facts) {
    this.facts = facts
    this.#instances = new Map(facts.instances.map(row => [row.id, row]))
    this.#domains = new Map(facts.domains?.map(domain => [domain.id, domain]))
    this.#byVolume = Map.groupBy(facts.mappings, row => row.volumeId)
    this.#byInstance = Map.groupBy(facts.mappings, row => row.instanceId)
    this.#volumes = new Map(facts.volumes?.map(volume => [volume.id, volume]))
    this.#busy = new Set(facts.unfinished.map(({ instanceId }) => instanceId))
  }

  instance(id: string): InstanceRecord | undefined {
    return this.#instances.get(id)
  }

  domain(id: string): DomainFacts | undefined {
    return this.#domains.get(id)
  }

  mappingsOf(instanceId: string): readonly BlockDeviceMapping[] {
    return this.#byInstance.get(instanceId) ?? []
  }

  /** The instances that have this volume by our records. */
  ownersOf(volumeId: string): readonly InstanceRecord[] {
    const rows = this.#byVolume.get(volumeId) ?? []
    return rows.map(row => this.#instances.get(row.instanceId)).filter(row => row !== undefined)
  }

  /** The cloud that owns a recorded volume; undefined: the embedded volume service does. */
  cloudOf(volumeId: string): string | undefined {
    return this.#byVolume.get(volumeId)?.[0]?.cloud
  }

  knowsVolume(volumeId: string): boolean {
    return this.#volumes.has(volumeId)
  }

  /** `data (1b2c…)`, or the id alone. */
  volumeLabel(volumeId: string): string {
    const name = this.#volumes.get(volumeId)?.name
    return name ? `${name} (${volumeId})` : volumeId
  }

  /** Undefined if the hypervisor could not be asked. */
  runs(instance: InstanceRecord): boolean | undefined {
    if (!this.facts.domains) return undefined
    return LIVE.has(this.#domains.get(instance.id)?.state)
  }

  /** An operation on it is unfinished: what it left is mended by resuming that, not piece by piece. */
  isInterrupted(instanceId: string): boolean {
    return this.#busy.has(instanceId)
  }
}

export const instanceLabel = ({ name }: Pick<InstanceRecord, 'name'>): string => `instance ${name}`

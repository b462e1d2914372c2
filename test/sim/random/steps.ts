/** What a random run is made of: plain records, so that a run can be generated, shrunk, told in words and kept as JSON. */

export const INSTANCES = ['web', 'db', 'mail'] as const
export type InstanceName = (typeof INSTANCES)[number]

export const VOLUMES = ['v1', 'v2', 'v3', 'v4', 'v5'] as const
export type VolumeName = (typeof VOLUMES)[number]

/** `shared`: plain, and may be attached to several instances at once. */
export const VOLUME_KINDS = ['plain', 'luks', 'luks2', 'shared'] as const
export type VolumeKind = (typeof VOLUME_KINDS)[number]

/** What is asked of Holdfast. */
export type Operation =
  | {
      readonly do: 'create'
      readonly instance: InstanceName
      readonly volumes: readonly VolumeName[]
      /** From the first volume; otherwise from a kernel. */
      readonly boot: boolean
      /** Its volumes are deleted with it. */
      readonly goesWith: boolean
      /** Kernel command line. */
      readonly append: string
    }
  | { readonly do: 'create-misnamed'; readonly name: string }
  | { readonly do: 'start' | 'soft-reboot' | 'hard-reboot' | 'delete'; readonly instance: InstanceName }
  | { readonly do: 'stop'; readonly instance: InstanceName; readonly pull: boolean }
  | { readonly do: 'attach' | 'detach'; readonly instance: InstanceName; readonly volume: VolumeName }
  /** What is done after a boot of the host: everything unfinished ended, and what the boot ended brought back. */
  | { readonly do: 'host-resume' }
  /** The oldest operation that nobody has ended. */
  | { readonly do: 'resume' }
  | {
      readonly do: 'create-volume'
      readonly volume: VolumeName
      readonly kind: VolumeKind
      readonly description: string
    }
  | {
      readonly do: 'delete-volume' | 'extend-volume' | 'snapshot' | 'delete-snapshot'
      readonly volume: VolumeName
    }

/** What happens to the host, behind Holdfast's back. */
export type HostEvent =
  | { readonly do: 'kill' | 'power-cut' | 'mend' }
  | { readonly do: 'guest-ends'; readonly instance: InstanceName; readonly how: 'powers off' | 'crashes' }
  | { readonly do: 'manner'; readonly manner: Manner; readonly on: boolean }
  | { readonly do: 'away' | 'back'; readonly service: Service }
  | { readonly do: 'disk-full' | 'disk-freed' }
  | { readonly do: 'vanish' | 'grow'; readonly volume: VolumeName }
  | { readonly do: 'swap-files'; readonly volume: VolumeName; readonly other: VolumeName }
  | { readonly do: 'foreign'; readonly what: 'mapping' | 'secret' | 'loop device'; readonly volume: VolumeName }
  | { readonly do: 'foreign-interface'; readonly instance: InstanceName }
  | { readonly do: 'leftover'; readonly volume: VolumeName; readonly other: VolumeName }

export const MANNERS = ['ignoresPower', 'keepsDisks', 'refusesUnplug'] as const
export type Manner = (typeof MANNERS)[number]

export const SERVICES = ['libvirt', 'keys', 'volumes'] as const
export type Service = (typeof SERVICES)[number]

/** Strikes at the nth effect, or look, of a step. `fail` after an effect: it was done, and the answer was an error. */
export interface StepFault {
  readonly on: 'effect' | 'look'
  readonly nth: number
  readonly when: 'before' | 'after'
  readonly do: 'die' | 'fail' | 'hang'
}

export type Step =
  | { readonly operation: Operation; readonly fault?: StepFault | undefined }
  | { readonly pair: readonly [Operation, Operation]; readonly fault?: StepFault | undefined }
  | { readonly event: HostEvent }

/** A host, and what happens on it. */
export interface Run {
  /** False: only QEMU decrypts. */
  readonly dmCrypt: boolean
  /** What decrypts LUKS1 where both can. */
  readonly prefers: 'dm-crypt' | 'native'
  /** Steps that fill the host first, without faults. */
  readonly opening: readonly Step[]
  readonly steps: readonly Step[]
}

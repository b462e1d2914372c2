/** What the killer outside and the life inside of a guest tell each other: orders by the environment, reports line by line. */

export type Hypervisor = 'twin' | 'libvirt'

/** Where the killer strikes: in the recovery of the life, or in the operation after it. */
export type Phase = 'recover' | 'operate'

export interface Strike {
  readonly phase: Phase
  /** The line after which it strikes; lines of a phase are numbered from 1. */
  readonly line: number
  /** How far into what follows that line, 0 to 1, by how long it took in the dry run. */
  readonly fraction: number
}

/** Where the disk of the kills is mounted in the guest: everything that outlives a power cut. */
export const DISK = '/srv/disk'

export const LIFE_VARIABLE = 'HOLDFAST_LIFE'

/** What is known outside of the guest about the disk, whatever is cut. */
export interface Ledger {
  /** Begins all text that is written through an encrypted volume; nothing else on the disk may ever hold it. */
  readonly marker: string
  /** By volume id: what was written last through it and synced. */
  readonly marks: Readonly<Record<string, string>>
  /** By volume id: digest of its LUKS header as it was first seen. */
  readonly headers: Readonly<Record<string, string>>
  /** The operation that the last life was cut in, and what is known of it. */
  readonly last?: LastOperation | undefined
}

export interface LastOperation {
  readonly name: string
  /** It had come back as done before the power was cut: then it must be there. */
  readonly done: boolean
}

export interface Orders {
  readonly hypervisor: Hypervisor
  readonly ledger: Ledger
  /** Operations to run one after the other once what was left has been recovered and checked. */
  readonly operations: readonly string[]
  /** Makes the first volumes and the first instance in place of a recovery. */
  readonly setUp: boolean
  /** Undefined: the life ends by itself. */
  readonly strike?: Strike | undefined
}

export type Report =
  | { readonly tell: 'line'; readonly phase: Phase; readonly line: number; readonly what: string; readonly ms: number }
  | { readonly tell: 'begun'; readonly operation: string }
  /** `wrong`: what the operation's own look at its outcome found. */
  | { readonly tell: 'done'; readonly operation: string }
  | { readonly tell: 'recovered'; readonly ms: number; readonly what: string }
  | { readonly tell: 'checked'; readonly wrong: readonly string[]; readonly ms: number }
  | { readonly tell: 'mark'; readonly volumeId: string; readonly text: string }
  | { readonly tell: 'header'; readonly volumeId: string; readonly digest: string }
  | { readonly tell: 'failed'; readonly why: string }
  | { readonly tell: 'ended' }

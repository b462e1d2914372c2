/** Ours beside the peer, measured in one run on one machine. */
export interface Measurement {
  readonly name: string
  readonly ours: number
  readonly peer: number
  readonly unit: 'ms' | 'MiB'
  /** What the ratio of ours to the peer's may be at most. */
  readonly target?: number
  /** What exactly was compared, and how often it was measured. */
  readonly note: string
}

export interface Bench {
  /** All entries that it measures. */
  readonly names: readonly string[]
  run(): Promise<readonly Measurement[]>
}

/** Thrown by a bench that this machine cannot run; the message says what is missing. */
export class CannotMeasure extends Error {}

export const ratioOf = ({ ours, peer }: Measurement): number => ours / peer

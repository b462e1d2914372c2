import { Budget, type Need } from '#src/core/budget.ts'
import type { DerivationCost } from '#src/encryptors/encryptor.ts'

/** How much of this host may be taken at once by all operations of the process together. */
export interface BoundsSettings {
  /** Instances that are brought back side by side. */
  readonly instances: number
  /** Processors for key derivation. */
  readonly processors: number
  /** Memory for key derivation, bytes. */
  readonly derivationMemoryBytes: number
  /** Devices and domains that are set up or taken down side by side. */
  readonly io: number
}

export type Resource = 'processors' | 'memory' | 'io'

/** The bounds of this process; every operation asks here before it takes much of the host. */
export class HostBounds {
  readonly settings: BoundsSettings
  readonly #budget: Budget<Resource>

  constructor(settings: BoundsSettings) {
    this.settings = settings
    this.#budget = new Budget({
      processors: settings.processors,
      memory: settings.derivationMemoryBytes,
      io: settings.io,
    })
  }

  /** Runs `work` when there is room for it. Of those that wait the lowest `rank` goes first. */
  run<T>(
    need: Need<Resource>,
    options: { readonly rank?: number | undefined; readonly signal?: AbortSignal | undefined },
    work: () => Promise<T>,
  ): Promise<T> {
    return this.#budget.run(need, options, work)
  }
}

export const needOfDerivation = ({ memoryBytes, threads }: DerivationCost): Need<Resource> => ({
  processors: threads,
  memory: memoryBytes,
})

export const ONE_IO: Need<Resource> = { io: 1 }

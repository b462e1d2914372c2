import { openDatabase } from './database.ts'
import { LocalVolumeService } from './local-volume-service.ts'
import type { Recovered } from './recovery.ts'
import type { LocalVolumeOptions } from './settings.ts'

export interface OpenedVolumes {
  readonly service: LocalVolumeService
  /** What a dead process had left, worth telling. */
  readonly recovered: readonly Recovered[]
}

/**
 * Opens the embedded volume service. To write, the caller holds the state lock: then what a dead process left half done is
 * settled first. With `readOnly`, beside such a process, nothing is written.
 * @throws HoldfastError `forbidden`, `no-space`, `busy`, `state-corrupt`, `state-newer`, `state-older`
 */
export async function openLocalVolumes(options: LocalVolumeOptions): Promise<OpenedVolumes> {
  const { directory, readOnly = false } = options
  const service = new LocalVolumeService(openDatabase(`${directory}/volumes.db`, readOnly), options)
  return { service, recovered: readOnly ? [] : await service.recover() }
}

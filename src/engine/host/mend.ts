import type { Instances, RunOptions } from '../api.ts'
import type { OperationsEngine } from '../operations.ts'
import { type Parts, servicesOf } from '../parts.ts'
import type { Act } from './check/diagnosis.ts'

export interface MendParts {
  readonly parts: Parts
  readonly instances: Pick<Instances, 'stop'>
  readonly operations: Pick<OperationsEngine, 'resume'>
  /** Brings one instance back; throws why it did not come. */
  readonly resumeInstance: (id: string, options: RunOptions) => Promise<void>
}

/** Runs one mend. What an operation can do is done by that operation, with its journal; the rest is one idempotent verb of a port. */
export async function mend(
  { parts, instances, operations, resumeInstance }: MendParts,
  act: Act,
  options: RunOptions,
): Promise<void> {
  const { signal } = options
  switch (act.do) {
    case 'resume-operation':
      await operations.resume(act.operationId, options)
      return
    case 'resume-instance':
      await resumeInstance(act.instanceId, options)
      return
    case 'tear-down':
      await instances.stop(act.instanceId, { ...options, graceMs: 0 })
      return
    case 'lock':
      await parts.encryptors[act.mechanism].lock({ volumeId: act.volumeId, luksUuid: act.luksUuid }, signal)
      return
    case 'remove-source':
      for (const connector of parts.connectors.values()) await connector.remove(act.source, signal)
      return
    case 'release':
      await servicesOf(parts, act.cloud).volumes.attachmentDelete(act.attachmentId, signal)
      return
    case 'keep-attached':
      await servicesOf(parts, act.cloud).volumes.rollDetaching(act.volumeId, signal)
      return
  }
}

import type { KeyedLock } from '#src/core/concurrency.ts'
import type { Instances, RunOptions } from '../api.ts'
import type {
  DrillReport,
  Finding,
  FixedFinding,
  HostCheck,
  HostOperations,
  ResumeOptions,
  ResumeReport,
} from '../host-api.ts'
import type { OperationsEngine } from '../operations.ts'
import type { Parts } from '../parts.ts'
import { checkHost, fixFindings } from './check/host-check.ts'
import type { Looking } from './check/observe.ts'
import { type DrillOptions, drillHost } from './drill.ts'
import { mend } from './mend.ts'
import { HostResume } from './resume.ts'

export interface HostEngineParts {
  readonly parts: Parts
  readonly instances: Instances
  readonly operations: OperationsEngine
  readonly locks: KeyedLock
  /** Whether another process is at work on this state. */
  readonly isBusy: () => Promise<boolean>
}

/** The operations on the host as a whole: each is one small room of its own, put together here. */
export class HostEngine implements HostOperations {
  readonly #with: HostEngineParts

  constructor(parts: HostEngineParts) {
    this.#with = parts
  }

  async resume(options: ResumeOptions = {}): Promise<ResumeReport> {
    return await new HostResume(this.#with, options).run()
  }

  async check({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<HostCheck> {
    return await checkHost(this.#looking(signal))
  }

  async fix(findings: readonly Finding[], options: RunOptions = {}): Promise<readonly FixedFinding[]> {
    const { parts, instances, operations } = this.#with
    const resumeInstance = (id: string, given: RunOptions) => new HostResume(this.#with, given).runOne(id)
    const needed = { parts, instances, operations, resumeInstance }
    return await fixFindings(this.#looking(options.signal), findings, act => mend(needed, act, options), options)
  }

  async drill(options: DrillOptions = {}): Promise<DrillReport> {
    return await drillHost(this.#with.parts, options)
  }

  #looking(signal: AbortSignal | undefined): Looking {
    const { parts, operations, isBusy } = this.#with
    return { parts, operations, isBusy, signal }
  }
}

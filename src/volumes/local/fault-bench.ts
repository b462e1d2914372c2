import type { Host, HostFiles } from '#src/host/host.ts'
import type { VolumeKeys } from './settings.ts'

/** What strikes at a change of files, programs or keys, and whether the change took place. */
export interface Strike {
  /** From 1, in the order of happening. */
  readonly number: number
  readonly when: 'before' | 'after'
  /** The process dies there, or the error comes back. */
  readonly what: 'die' | Error
}

const CHANGES = ['createSparse', 'truncate', 'copySparse', 'rename', 'remove', 'makeDirectory', 'writeAtomic'] as const

/** For tests: counts every change that goes through host and keys, and lets one of them fail or the process die there. */
export class FaultBench {
  strike: Strike | undefined
  readonly passed: string[] = []
  readonly #died = Promise.withResolvers<string>()
  #dead = false

  /** Settles when the process has died, with where. */
  get died(): Promise<string> {
    return this.#died.promise
  }

  host(real: Host): Host {
    const files = { ...real.files } as { -readonly [K in keyof HostFiles]: HostFiles[K] }
    for (const name of CHANGES) {
      const change = real.files[name] as (...args: unknown[]) => Promise<unknown>
      Object.assign(files, { [name]: (...args: unknown[]) => this.#pass(name, () => change(...args)) })
    }
    return { ...real, files, run: request => this.#pass(`run ${request.tool}`, () => real.run(request)) }
  }

  keys(real: VolumeKeys): VolumeKeys {
    return {
      create: spec => this.#pass('keys.create', () => real.create(spec)),
      get: id => real.get(id),
      delete: id => this.#pass('keys.delete', () => real.delete(id)),
      list: async () => (await real.list?.()) ?? [],
    }
  }

  async #pass<T>(name: string, change: () => Promise<T>): Promise<T> {
    if (this.#dead) return await new Promise(() => {})
    this.passed.push(name)
    const strike = this.passed.length === this.strike?.number ? this.strike : undefined
    if (strike?.when === 'before') await this.#fall(name, strike)
    const result = await change()
    if (strike?.when === 'after') await this.#fall(name, strike)
    return result
  }

  async #fall(name: string, { what }: Strike): Promise<void> {
    if (what !== 'die') throw what
    this.#dead = true
    this.#died.resolve(name)
    await new Promise(() => {})
  }
}

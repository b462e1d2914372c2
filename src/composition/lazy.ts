import type { Volume, VolumeFilter, VolumeService } from '#src/volumes/volume-service.ts'

/** The names of the methods of T that give a promise. */
type Asynchronous<T> = { [K in keyof T]: T[K] extends (...args: never[]) => Promise<unknown> ? K : never }[keyof T]

/**
 * A stand-in for a part of which every method used is asynchronous: the part is made at the first call, once.
 * So a command that lists volumes does not load hypervisor and engine.
 */
export function lazily<T extends object>(make: () => Promise<T>): Pick<T, Asynchronous<T>> {
  let part: Promise<T> | undefined
  const stands = new Proxy(
    {},
    {
      get: (_, name) => {
        // A stand-in is no promise: `await` would look for this.
        if (name === 'then' || typeof name === 'symbol') return undefined
        return async (...args: unknown[]) => {
          part ??= make()
          const made = await part
          const method: unknown = Reflect.get(made, name)
          if (typeof method !== 'function') throw new TypeError(`${name} is not a method`)
          return await Reflect.apply(method, made, args)
        }
      },
    },
  )
  return stands as Pick<T, Asynchronous<T>>
}

/** A stand-in for a volume service, made at the first call. */
export function lazyVolumes(make: () => Promise<VolumeService>): VolumeService {
  const service = once(make)
  const stands = lazily(service)
  return new Proxy(stands as VolumeService, {
    get: (target, name) => (name === 'list' ? list : Reflect.get(target, name)),
  })

  async function* list(filter?: VolumeFilter, signal?: AbortSignal): AsyncIterable<Volume> {
    yield* (await service()).list(filter, signal)
  }
}

/** A function that does its work at the first call, and gives the same result ever after. */
export function once<A extends unknown[], T>(work: (...args: A) => T): (...args: A) => T {
  let result: { readonly value: T } | undefined
  return (...args) => {
    result ??= { value: work(...args) }
    return result.value
  }
}

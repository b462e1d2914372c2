/** Copies state, keeping shared references shared within everything that one copier was given. */
export type Copier = <T>(value: T) => T

/** State in a slot of a world that is more than plain data, and knows how to be copied into another world. */
export interface Forkable<World> {
  fork(world: World, copy: Copier): unknown
}

export const isForkable = <World>(value: unknown): value is Forkable<World> =>
  typeof value === 'object' && value !== null && 'fork' in value && typeof value.fork === 'function'

/**
 * For plain data, arrays, maps, sets and bytes, however deep. Anything else is refused: a class must say how it is copied.
 * As `structuredClone` does, but several times as fast on small state, and over many calls.
 */
export function copier(): Copier {
  const seen = new Map<object, unknown>()
  const copy = <T>(value: T): T => {
    if (typeof value === 'function') throw new TypeError('a function is no state')
    if (typeof value !== 'object' || value === null) return value
    const known = seen.get(value)
    return (known ?? copyObject(value, seen, copy)) as T
  }
  return copy
}

function copyObject(value: object, seen: Map<object, unknown>, copy: Copier): unknown {
  if (Array.isArray(value)) {
    const made: unknown[] = []
    seen.set(value, made)
    for (const each of value) made.push(copy(each))
    return made
  }
  if (value instanceof Map) {
    const made = new Map()
    seen.set(value, made)
    for (const [key, each] of value) made.set(copy(key), copy(each))
    return made
  }
  if (value instanceof Set) return remember(seen, value, new Set([...value].map(copy)))
  if (value instanceof Uint8Array) return remember(seen, value, value.slice())
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    throw new TypeError(`${value.constructor.name} is not plain data: it needs a method 'fork'`)
  }
  return copyRecord(value, seen, copy)
}

function copyRecord(value: object, seen: Map<object, unknown>, copy: Copier): object {
  const made: Record<string, unknown> = { ...value }
  seen.set(value, made)
  for (const key in made) {
    const each = made[key]
    if (typeof each === 'object' && each !== null) made[key] = copy(each)
  }
  return made
}

function remember(seen: Map<object, unknown>, from: object, made: object): object {
  seen.set(from, made)
  return made
}

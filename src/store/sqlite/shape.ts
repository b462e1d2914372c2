/** Why a stored value was not accepted; the reader of the row says where it lies. */
export class Malformed extends Error {}

/** Gives the value back if it has the shape, with nothing added and nothing left out. `at` names it in the complaint. */
export type Shape<T> = (value: unknown, at: string) => T

export const text: Shape<string> = (value, at) => {
  if (typeof value === 'string') return value
  throw new Malformed(`${at} is not text`)
}

export const integer: Shape<number> = (value, at) => {
  if (Number.isSafeInteger(value)) return value as number
  throw new Malformed(`${at} is not an integer`)
}

/** Milliseconds may come with a fraction from a high-resolution clock. */
export const real: Shape<number> = (value, at) => {
  if (Number.isFinite(value)) return value as number
  throw new Malformed(`${at} is not a number`)
}

export const truth: Shape<boolean> = (value, at) => {
  if (typeof value === 'boolean') return value
  throw new Malformed(`${at} is not true or false`)
}

export const oneOf =
  <T extends string>(...words: readonly T[]): Shape<T> =>
  (value, at) => {
    const word = words.find(known => known === value)
    if (word !== undefined) return word
    throw new Malformed(`${at} is not one of ${words.join(', ')}`)
  }

/** For a field that may be left out. */
export const maybe =
  <T>(shape: Shape<T>): Shape<T | undefined> =>
  (value, at) =>
    value === undefined ? undefined : shape(value, at)

export const listOf =
  <T>(shape: Shape<T>): Shape<readonly T[]> =>
  (value, at) => {
    if (!Array.isArray(value)) throw new Malformed(`${at} is not a list`)
    return value.map((item, index) => shape(item, `${at}[${index}]`))
  }

/** One of several records, told apart by the word in `tag`. */
export const taggedBy =
  <T extends { readonly [K in Tag]: string }, Tag extends keyof T & string>(
    tag: Tag,
    shapes: { readonly [Word in T[Tag]]: Shape<Extract<T, { readonly [K in Tag]: Word }>> },
  ): Shape<T> =>
  (value, at) => {
    const word = typeof value === 'object' && value !== null && tag in value ? Reflect.get(value, tag) : undefined
    if (typeof word === 'string' && Object.hasOwn(shapes, word)) return shapes[word as T[Tag]](value, at)
    throw new Malformed(`${at}.${tag} is not one of ${Object.keys(shapes).join(', ')}`)
  }

/** The mapped type asks for a shape for every field, so that a new field cannot be forgotten here. */
export const record =
  <T extends object>(fields: { readonly [K in keyof T]-?: Shape<T[K]> }): Shape<T> =>
  (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Malformed(`${at} is not an object`)
    const given: Readonly<Record<string, unknown>> = { ...value }
    for (const key of Object.keys(given))
      if (!Object.hasOwn(fields, key)) throw new Malformed(`${at} has an unknown field '${key}'`)
    const shapes: [string, Shape<unknown>][] = Object.entries(fields)
    const read = shapes.map(([key, shape]) => [key, shape(given[key], `${at}.${key}`)] as const)
    return Object.fromEntries(read.filter(([, part]) => part !== undefined)) as T
  }

import { XdrError, type XdrReader, type XdrWriter } from './xdr.ts'

/** How one type lies on the wire. `read` trusts nothing; `write` refuses what the wire type cannot hold. */
export interface Codec<T> {
  write(writer: XdrWriter, value: T): void
  read(reader: XdrReader): T
}

/** The TypeScript type that a codec carries. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never

export const int: Codec<number> = { write: (writer, value) => writer.int(value), read: reader => reader.int() }
export const uint: Codec<number> = { write: (writer, value) => writer.uint(value), read: reader => reader.uint() }
export const hyper: Codec<bigint> = { write: (writer, value) => writer.hyper(value), read: reader => reader.hyper() }
export const uhyper: Codec<bigint> = { write: (writer, value) => writer.uhyper(value), read: reader => reader.uhyper() }
export const double: Codec<number> = { write: (writer, value) => writer.double(value), read: reader => reader.double() }

/** An unsigned hyper that is a number here: sizes, versions. Above 2^53 - 1 it is an error, never rounded. */
export const uhyperNumber: Codec<number> = {
  write(writer, value) {
    if (!Number.isSafeInteger(value)) throw new XdrError('not a safe integer')
    writer.uhyper(BigInt(value))
  },
  read(reader) {
    const value = reader.uhyper()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new XdrError('an unsigned hyper above 2^53 - 1')
    return Number(value)
  },
}

/** An int that is 0 or 1: libvirt has no bool of its own on the wire. Any other value but 0 reads as true, as in C. */
export const flag: Codec<boolean> = {
  write: (writer, value) => writer.int(value ? 1 : 0),
  read: reader => reader.int() !== 0,
}

/** XDR's bool: 0 or 1 and nothing else. */
export const bool: Codec<boolean> = {
  write: (writer, value) => writer.int(value ? 1 : 0),
  read(reader) {
    const value = reader.uint()
    if (value > 1) throw new XdrError(`${value} where a bool must be`)
    return value === 1
  },
}

export const string = (max: number): Codec<string> => ({
  write: (writer, value) => writer.string(value, max),
  read: reader => reader.string(max),
})

/** A string that is only shown to people: broken UTF-8 in it is replaced instead of refused. */
export const shownString = (max: number): Codec<string> => ({
  write: (writer, value) => writer.string(value, max),
  read: reader => reader.string(max, true),
})

/** Bytes of any length up to `max`. Reading gives a copy. */
export const opaque = (max: number): Codec<Uint8Array> => ({
  write: (writer, value) => writer.opaque(value, max),
  read: reader => Uint8Array.from(reader.opaque(max)),
})

/** As `opaque`, for secrets: reading leaves zeros where the bytes were. */
export const opaqueOnce = (max: number): Codec<Uint8Array> => ({
  write: (writer, value) => writer.opaque(value, max),
  read(reader) {
    const view = reader.opaque(max)
    const copy = Uint8Array.from(view)
    view.fill(0)
    return copy
  },
})

/** Exactly `length` bytes. Reading gives a copy. */
export const fixedOpaque = (length: number): Codec<Uint8Array> => ({
  write(writer, value) {
    if (value.length !== length) throw new XdrError(`${value.length} bytes where ${length} must be`)
    writer.fixedOpaque(value)
  },
  read: reader => Uint8Array.from(reader.fixedOpaque(length)),
})

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** 16 bytes on the wire, lower-case text with hyphens here. */
export const uuid: Codec<string> = {
  write(writer, value) {
    if (!UUID.test(value)) throw new XdrError('not a UUID')
    writer.fixedOpaque(Buffer.from(value.replaceAll('-', ''), 'hex'))
  },
  read(reader) {
    const hex = Buffer.from(reader.fixedOpaque(16)).toString('hex')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  },
}

/** XDR's optional data, C's pointer that may be NULL. */
export const optional = <T>(inner: Codec<T>): Codec<T | undefined> => ({
  write(writer, value) {
    bool.write(writer, value !== undefined)
    if (value !== undefined) inner.write(writer, value)
  },
  read: reader => (bool.read(reader) ? inner.read(reader) : undefined),
})

export const array = <T>(item: Codec<T>, max: number): Codec<readonly T[]> => ({
  write(writer, values) {
    if (values.length > max) throw new XdrError(`${values.length} items where at most ${max} may be`)
    writer.uint(values.length)
    for (const value of values) item.write(writer, value)
  },
  read: reader => readItems(item, reader, reader.length(max)),
})

export const fixedArray = <T>(item: Codec<T>, length: number): Codec<readonly T[]> => ({
  write(writer, values) {
    if (values.length !== length) throw new XdrError(`${values.length} items where ${length} must be`)
    for (const value of values) item.write(writer, value)
  },
  read: reader => readItems(item, reader, length),
})

/** One by one, so that a false count costs no memory: the reader ends first. */
function readItems<T>(item: Codec<T>, reader: XdrReader, count: number): T[] {
  const values: T[] = []
  for (let index = 0; index < count; index++) values.push(item.read(reader))
  return values
}

/** Fields in the order in which they are written here. An error names the field. */
export function struct<F extends Record<string, unknown>>(
  fields: { readonly [K in keyof F]: Codec<F[K]> },
): Codec<Readonly<F>> {
  const entries = Object.entries(fields) as [string, Codec<unknown>][]
  return {
    write(writer, value) {
      for (const [name, codec] of entries) inField(name, () => codec.write(writer, value[name]))
    },
    read(reader) {
      const value: Record<string, unknown> = {}
      for (const [name, codec] of entries) value[name] = inField(name, () => codec.read(reader))
      return value as Readonly<F>
    },
  }
}

function inField<T>(name: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof XdrError ? new XdrError(`${name}: ${error.message}`) : error
  }
}

/** No arguments or no result. */
export const nothing: Codec<void> = { write: () => {}, read: () => {} }

/** Same wire type, other type here. */
export const mapped = <W, T>(wire: Codec<W>, from: (value: W) => T, to: (value: T) => W): Codec<T> => ({
  write: (writer, value) => wire.write(writer, to(value)),
  read: reader => from(wire.read(reader)),
})

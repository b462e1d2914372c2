import {
  array,
  type Codec,
  double,
  fixedArray,
  flag,
  hyper,
  int,
  mapped,
  optional,
  shownString,
  string,
  struct,
  uhyper,
  uint,
  uuid,
  type ValueOf,
} from './codec.ts'
import { XdrError } from './xdr.ts'

/** libvirt's limits on what a message may hold (`remote_protocol.x`, 9.0.0). */
export const Limit = {
  STRING: 4_194_304,
  DOMAIN_LIST: 16_384,
  SECRET_LIST: 16_384,
  SECRET_VALUE: 65_536,
  AUTH_TYPE_LIST: 20,
  BLOCK_COPY_PARAMETERS: 16,
} as const

export const text = string(Limit.STRING)
export const optionalText = optional(text)

/** A domain as libvirt names it in calls; the UUID is what it is looked up by. `id` is that of the run, -1 while off. */
export const domain = struct({ name: text, uuid, id: int })
export type Domain = ValueOf<typeof domain>

/** A secret as libvirt names it in calls; the UUID is what it is looked up by. Never the value. */
export const secret = struct({ uuid, usageType: int, usageID: text })
export type SecretRef = ValueOf<typeof secret>

const shown = optional(shownString(Limit.STRING))

/** `virNetMessageError`: what a failed call is answered with. */
export const remoteError = struct({
  code: int,
  domain: int,
  message: shown,
  level: int,
  dom: optional(struct({ name: shownString(Limit.STRING), uuid, id: int })),
  str1: shown,
  str2: shown,
  str3: shown,
  int1: int,
  int2: int,
  net: optional(struct({ name: shownString(Limit.STRING), uuid })),
})
export type RemoteError = ValueOf<typeof remoteError>

/** Value of a typed parameter; 64-bit ones are bigint, for they may use all their bits. */
export type TypedValue =
  | { readonly type: 'int' | 'uint' | 'double'; readonly value: number }
  | { readonly type: 'llong' | 'ullong'; readonly value: bigint }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }

const typedValue: Codec<TypedValue> = {
  write(writer, param) {
    switch (param.type) {
      case 'int':
        writer.int(1)
        return int.write(writer, param.value)
      case 'uint':
        writer.int(2)
        return uint.write(writer, param.value)
      case 'llong':
        writer.int(3)
        return hyper.write(writer, param.value)
      case 'ullong':
        writer.int(4)
        return uhyper.write(writer, param.value)
      case 'double':
        writer.int(5)
        return double.write(writer, param.value)
      case 'boolean':
        writer.int(6)
        return flag.write(writer, param.value)
      case 'string':
        writer.int(7)
        return text.write(writer, param.value)
    }
  },
  read(reader) {
    const type = reader.int()
    switch (type) {
      case 1:
        return { type: 'int', value: int.read(reader) }
      case 2:
        return { type: 'uint', value: uint.read(reader) }
      case 3:
        return { type: 'llong', value: hyper.read(reader) }
      case 4:
        return { type: 'ullong', value: uhyper.read(reader) }
      case 5:
        return { type: 'double', value: double.read(reader) }
      case 6:
        return { type: 'boolean', value: flag.read(reader) }
      case 7:
        return { type: 'string', value: text.read(reader) }
      default:
        throw new XdrError(`typed parameter of the unknown type ${type}`)
    }
  },
}

/** `virTypedParameter`: a name and a value of one of seven types. */
export const typedParameter = struct({ field: text, value: typedValue })
export type TypedParameter = ValueOf<typeof typedParameter>

export const typedParameters = (max: number): Codec<readonly TypedParameter[]> => array(typedParameter, max)

/** C's `char name[length]` in a struct: each char is an int on the wire; the text ends at the first 0. */
export const charArray = (length: number): Codec<string> =>
  mapped(
    fixedArray(int, length),
    chars => {
      const end = chars.indexOf(0)
      return Buffer.from(end < 0 ? [...chars] : chars.slice(0, end)).toString('utf8')
    },
    value => {
      const bytes = Buffer.from(value)
      if (bytes.length > length) throw new XdrError(`a text of ${bytes.length} bytes where at most ${length} may be`)
      return Array.from({ length }, (_, index) => bytes[index] ?? 0)
    },
  )

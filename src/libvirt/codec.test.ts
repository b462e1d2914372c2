import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  array,
  bool,
  type Codec,
  double,
  fixedOpaque,
  flag,
  hyper,
  int,
  opaque,
  optional,
  shownString,
  string,
  struct,
  uhyper,
  uhyperNumber,
  uint,
  uuid,
} from './codec.ts'
import { events, procedures } from './protocol.ts'
import { charArray, domain, remoteError, type TypedParameter, typedParameters } from './types.ts'
import { XdrError, XdrReader, XdrWriter } from './xdr.ts'

function encode<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new XdrWriter(0, 4)
  codec.write(writer, value)
  return writer.bytes()
}

function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new XdrReader(bytes)
  const value = codec.read(reader)
  reader.end()
  return value
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

function roundTrips<T>(codec: Codec<T>, values: fc.Arbitrary<T>): void {
  fc.assert(
    fc.property(values, value => {
      const bytes = encode(codec, value)
      assert.equal(bytes.length % 4, 0)
      assert.deepEqual(decode(codec, bytes), value)
    }),
  )
}

/** Strings that libvirt's protocol can hold. */
const text = fc.string({ unit: 'binary', maxLength: 40 }).filter(value => value.isWellFormed() && !value.includes('\0'))
/** Plain objects, as the codecs give them. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const param: fc.Arbitrary<TypedParameter> = record({
  field: text,
  value: fc.oneof(
    record({ type: fc.constant('int' as const), value: int32 }),
    record({ type: fc.constant('uint' as const), value: uint32 }),
    record({ type: fc.constant('llong' as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
    record({ type: fc.constant('ullong' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
    record({ type: fc.constant('double' as const), value: fc.double() }),
    record({ type: fc.constant('boolean' as const), value: fc.boolean() }),
    record({ type: fc.constant('string' as const), value: text }),
  ),
})

describe('XDR', () => {
  it('gives back what it wrote, padded to four bytes', () => {
    roundTrips(int, int32)
    roundTrips(uint, uint32)
    roundTrips(hyper, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
    roundTrips(uhyper, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    roundTrips(uhyperNumber, fc.maxSafeNat())
    roundTrips(double, fc.double())
    roundTrips(bool, fc.boolean())
    roundTrips(flag, fc.boolean())
    roundTrips(string(1000), text)
    roundTrips(opaque(100), fc.uint8Array({ maxLength: 100 }))
    roundTrips(fixedOpaque(7), fc.uint8Array({ minLength: 7, maxLength: 7 }))
    roundTrips(uuid, fc.uuid())
    roundTrips(optional(string(1000)), fc.option(text, { nil: undefined }))
    roundTrips(array(uint, 20), fc.array(uint32, { maxLength: 20 }))
    roundTrips(domain, record({ name: text, uuid: fc.uuid(), id: int32 }))
    roundTrips(typedParameters(16), fc.array(param, { maxLength: 16 }))
  })

  it('lays values out as RFC 4506 says', () => {
    assert.deepEqual(encode(int, -2), hex('fffffffe'))
    assert.deepEqual(encode(uint, 0xfffffffe), hex('fffffffe'))
    assert.deepEqual(encode(hyper, -2n), hex('fffffffffffffffe'))
    assert.deepEqual(encode(string(9), 'héy'), hex('00000004 68c3a979'))
    assert.deepEqual(encode(opaque(9), hex('0102030405')), hex('00000005 0102030405 000000'))
    assert.deepEqual(encode(optional(int), undefined), hex('00000000'))
    assert.deepEqual(encode(optional(int), 5), hex('00000001 00000005'))
    assert.deepEqual(encode(double, 1.5), hex('3ff8000000000000'))
    assert.deepEqual(encode(uuid, '00112233-4455-6677-8899-AABBCCDDEEFF'), hex('00112233445566778899aabbccddeeff'))
    assert.deepEqual(
      encode(typedParameters(16), [{ field: 'bandwidth', value: { type: 'ullong', value: 7n } }]),
      hex('00000001 00000009 62616e647769647468 000000 00000004 0000000000000007'),
    )
  })

  it('reads a char array as C does: an int for each char, up to the first 0', () => {
    const chars = Array.from({ length: 32 }, (_, index) => Buffer.from('x86_64\0junk')[index] ?? 0)
    const bytes = Buffer.concat(chars.map(char => encode(int, char)))
    assert.equal(decode(charArray(32), bytes), 'x86_64')
  })

  it('refuses what the wire type cannot hold, without telling the value', () => {
    const refused: [Codec<never>, unknown][] = [
      [int as Codec<never>, 2 ** 31],
      [int as Codec<never>, 1.5],
      [uint as Codec<never>, -1],
      [uint as Codec<never>, 2 ** 32],
      [hyper as Codec<never>, 2n ** 63n],
      [uhyper as Codec<never>, -1n],
      [uhyperNumber as Codec<never>, 2 ** 53],
      [string(5) as Codec<never>, 'sesame'],
      [string(99) as Codec<never>, 'sesame\0'],
      [string(99) as Codec<never>, 'sesame\ud800'],
      [opaque(5) as Codec<never>, Buffer.from('sesame')],
      [fixedOpaque(5) as Codec<never>, Buffer.from('sesame')],
      [uuid as Codec<never>, 'sesame'],
      [array(int, 1) as Codec<never>, [1, 2]],
      [charArray(5) as Codec<never>, 'sesame'],
    ]
    for (const [codec, value] of refused) {
      assert.throws(
        () => encode(codec, value as never),
        error => error instanceof XdrError && !error.message.includes('sesame'),
      )
    }
  })

  it('refuses bytes that are not the type', () => {
    const bad: [Codec<never>, string][] = [
      [int as Codec<never>, '000000'],
      [int as Codec<never>, '0000000000'],
      [bool as Codec<never>, '00000002'],
      [string(8) as Codec<never>, '00000009 616161616161616161 000000'],
      [string(8) as Codec<never>, '00000004 6161'],
      [string(8) as Codec<never>, '00000001 ff000000'],
      [string(8) as Codec<never>, '00000001 61000001'],
      [string(8) as Codec<never>, 'ffffffff'],
      [string(8) as Codec<never>, '00000002 61000000'],
      [array(int, 4) as Codec<never>, '00000005 00000000'],
      [array(int, 2 ** 31) as Codec<never>, '7fffffff 00000000'],
      [uhyperNumber as Codec<never>, '0020000000000000'],
      [typedParameters(16) as Codec<never>, '00000001 00000000 00000008 00000000'],
    ]
    for (const [codec, bytes] of bad) assert.throws(() => decode(codec, hex(bytes)), XdrError, bytes)
  })

  it('shows a text that is not UTF-8 where only people read it', () => {
    assert.equal(decode(shownString(8), hex('00000002 61ff0000')), 'a\ufffd')
  })

  it('names the field that is wrong', () => {
    const codec = struct({ dom: struct({ name: string(3) }) })
    assert.throws(() => encode(codec, { dom: { name: 'long' } }), /^XdrError: dom: name: a string of 4 bytes/)
    assert.throws(() => decode(codec, hex('00000004')), /^XdrError: dom: name: a length of 4/)
  })

  it('wipes the buffer that it outgrows', () => {
    const writer = new XdrWriter(0, 8)
    writer.fixedOpaque(hex('0102030405060708'))
    const outgrown = writer.bytes()
    writer.fixedOpaque(hex('090a0b0c'))
    assert.deepEqual(outgrown, Buffer.alloc(8))
    assert.deepEqual(writer.bytes(), hex('0102030405060708090a0b0c'))
    writer.wipe()
    assert.deepEqual(writer.bytes(), Buffer.alloc(12))
  })
})

describe('protocol table', () => {
  const codecs: [string, Codec<unknown>][] = [
    ['remoteError', remoteError as Codec<unknown>],
    ...Object.entries(procedures).flatMap(([name, { args, result }]): [string, Codec<unknown>][] => [
      [`${name} args`, args as Codec<unknown>],
      [`${name} result`, result as Codec<unknown>],
    ]),
    ...Object.entries(events).map(([name, { message }]): [string, Codec<unknown>] => [name, message as Codec<unknown>]),
  ]

  /** Broken UTF-8 is replaced in these. */
  const lossy = new Set(['remoteError', 'nodeGetInfo result'])

  it('has each procedure and event number once', () => {
    const numbers = [...Object.values(procedures), ...Object.values(events)].map(({ number }) => number)
    assert.equal(new Set(numbers).size, numbers.length)
  })

  it('reads any bytes as a value or as an XdrError, and what it reads it can write again', () => {
    const word = fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 0, max: 12 }), uint32)
    const words = fc
      .array(word, { maxLength: 60 })
      .map(values => Buffer.concat(values.map(value => encode(uint, value))))
    fc.assert(
      fc.property(
        fc.constantFrom(...codecs),
        fc.oneof(words, fc.uint8Array({ maxLength: 200 })),
        ([name, codec], bytes) => {
          let value: unknown
          try {
            value = decode(codec, bytes)
          } catch (error) {
            assert.ok(error instanceof XdrError, String(error))
            return
          }
          if (!lossy.has(name)) assert.deepEqual(decode(codec, encode(codec, value)), value)
        },
      ),
      { numRuns: 3000 },
    )
  })
})

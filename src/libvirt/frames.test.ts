import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { opaque } from './codec.ts'
import { Connection } from './connection.ts'
import {
  encodeFrame,
  FrameSplitter,
  MAX_FRAME,
  MessageType,
  MIN_FRAME,
  openFrame,
  readPayload,
  remoteHeader,
} from './frames.ts'
import { TestClock } from './test-clock.ts'
import { XdrError } from './xdr.ts'

const payloads = opaque(100_000)

const frameOf = (payload: Uint8Array, serial: number): Buffer =>
  encodeFrame(remoteHeader(9, MessageType.CALL, serial), payloads, payload).bytes()

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const edges = [0, ...places.map(place => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge))
}

describe('frames', () => {
  it('come out whole and in order wherever the stream was cut', () => {
    const list = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(list, fc.array(fc.nat(), { maxLength: 30 }), (sent, places) => {
        const splitter = new FrameSplitter()
        const got: Uint8Array[] = []
        for (const chunk of cut(Buffer.concat(sent.map(frameOf)), places)) {
          splitter.push(chunk)
          for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
            const { head, payload } = openFrame(frame)
            assert.equal(head.serial, got.length)
            got.push(readPayload(payloads, payload))
          }
        }
        assert.deepEqual(got, sent)
      }),
    )
  })

  it('of an impossible length are refused before they are there', () => {
    for (const length of [0, 4, MIN_FRAME - 1, MAX_FRAME + 1, 0xffff_ffff]) {
      const splitter = new FrameSplitter()
      const word = Buffer.alloc(4)
      word.writeUInt32BE(length)
      splitter.push(word)
      assert.throws(() => splitter.next(), XdrError, String(length))
    }
    const splitter = new FrameSplitter()
    const word = Buffer.alloc(4)
    word.writeUInt32BE(MAX_FRAME)
    splitter.push(word)
    assert.equal(splitter.next(), undefined)
  })

  it('with bytes left over are refused', () => {
    const frame = Buffer.concat([frameOf(Buffer.from('abc'), 1), Buffer.alloc(4)])
    assert.throws(() => readPayload(payloads, openFrame(frame).payload), /4 bytes too many/)
  })
})

describe('a packet with a secret', () => {
  const VALUE = Buffer.from('correct horse battery staple')
  const secret = { uuid: '11111111-2222-4333-8444-555555555555', usageType: 1, usageID: 'v' }

  /** Keeps the very buffers that are written, and tells when each has left only when asked. */
  class Wire extends Duplex {
    readonly chunks: Buffer[] = []
    readonly flushed: (() => void)[] = []
    override _read(): void {}
    override _write(chunk: Buffer, _encoding: string, done: () => void): void {
      this.chunks.push(chunk)
      this.flushed.push(done)
    }
  }

  const open = (wire: Duplex) =>
    new Connection(wire, {
      clock: new TestClock(),
      keepAlive: { intervalMs: 1000, count: 1 },
      maxInFlight: 4,
      onEvent: () => {},
      onEnd: () => {},
    })

  it('is wiped once it has left, and not before', async () => {
    const wire = new Wire()
    const connection = open(wire)
    const call = connection.call('secretSetValue', { secret, value: VALUE, flags: 0 }, { deadlineMs: 1000 })
    const [packet] = wire.chunks
    assert.ok(packet)
    assert.ok(packet.includes(VALUE))
    wire.flushed[0]?.()
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(packet, Buffer.alloc(packet.length))
    assert.equal(VALUE.toString(), 'correct horse battery staple')
    wire.destroy()
    await assert.rejects(call, { name: 'LibvirtConnectionError', reason: 'lost', sent: true })
  })

  it('is wiped when the connection ends before it left', async () => {
    const wire = new Wire()
    const connection = open(wire)
    const call = connection.call('secretSetValue', { secret, value: VALUE, flags: 0 }, { deadlineMs: 1000 })
    const second = connection.call('secretSetValue', { secret, value: VALUE, flags: 0 }, { deadlineMs: 1000 })
    wire.destroy()
    await assert.rejects(call, { reason: 'lost' })
    await assert.rejects(second, { reason: 'lost' })
    wire.flushed[0]?.()
    await new Promise(resolve => setImmediate(resolve))
    for (const packet of wire.chunks) assert.ok(!packet.includes(VALUE))
  })

  it('that is too large tells nothing of it', async () => {
    const value = Buffer.alloc(65_537, 'correct horse')
    const call = open(new Wire()).call('secretSetValue', { secret, value, flags: 0 }, { deadlineMs: 1000 })
    await assert.rejects(call, error => {
      assert.ok(error instanceof XdrError)
      assert.equal(error.message, 'libvirt secretSetValue: value: 65537 bytes where at most 65536 may be')
      return true
    })
  })
})

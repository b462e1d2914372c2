import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { int, nothing, struct } from './codec.ts'
import { Failure, FakeLibvirtd, never, type SeenCall } from './fake-server.ts'
import { encodeFrame, KeepAlive, keepAliveHeader, MessageType, REMOTE_PROGRAM, remoteHeader } from './frames.ts'
import {
  type ConnectionChange,
  DomainEvent,
  isConnectionError,
  isLibvirtCode,
  Libvirt,
  type LibvirtOptions,
} from './index.ts'
import { TestClock } from './test-clock.ts'

const DOM = { name: 'vm', uuid: '11111111-2222-4333-8444-555555555555', id: -1 }
const tick = () => new Promise(resolve => setImmediate(resolve))

describe('Libvirt', { timeout: 30_000 }, () => {
  let server: FakeLibvirtd
  let clock: TestClock
  const clients: Libvirt[] = []

  const client = (options: LibvirtOptions = {}): Libvirt => {
    const made = new Libvirt({ socketPath: server.socketPath, clock, ...options })
    clients.push(made)
    return made
  }
  const names = (calls: readonly SeenCall[]) => calls.map(({ procedure }) => procedure)

  beforeEach(async () => {
    clock = new TestClock()
    server = await FakeLibvirtd.start()
  })

  afterEach(async () => {
    server.handlers.connectClose = () => {}
    const closing = clients.splice(0).map(one => one.close())
    await server[Symbol.asyncDispose]()
    await Promise.all(closing)
  })

  describe('opening', () => {
    it('asks for authentication, keep-alive and the driver, once for many calls', async () => {
      const libvirt = client({ uri: 'qemu:///session' })
      await Promise.all([libvirt.connect.getHostname(), libvirt.connect.getHostname()])
      const opening = ['authList', 'connectSupportsFeature', 'connectOpen']
      assert.deepEqual(names(server.calls), [...opening, 'connectGetHostname', 'connectGetHostname'])
      assert.deepEqual(server.calls[1]?.args, { feature: 10 })
      assert.deepEqual(server.calls[2]?.args, { name: 'qemu:///session', flags: 0 })
    })

    it('goes through polkit where the daemon wants it, and gives up on what it does not know', async () => {
      server.handlers.authList = () => ({ types: [2] })
      server.handlers.authPolkit = () => ({ complete: 1 })
      await client().open()
      assert.equal(server.seen('authPolkit').length, 1)
      server.handlers.authList = () => ({ types: [1] })
      await assert.rejects(client().open(), { reason: 'refused', sent: false })
      await server.peer.closed
    })

    it('tells that nobody listens, and succeeds once somebody does', async () => {
      await using late = await FakeLibvirtd.start({}, false)
      const libvirt = client({ socketPath: late.socketPath })
      await assert.rejects(libvirt.connect.getHostname(), error => {
        assert.ok(isConnectionError(error, 'unreachable'))
        assert.equal(error.sent, false)
        assert.ok(error.message.includes(late.socketPath))
        return true
      })
      await late.listen()
      assert.equal(await libvirt.connect.getHostname(), 'fake')
      await libvirt.close()
    })

    it("passes on libvirt's own refusal, and tries anew at the next call", async () => {
      server.handlers.connectOpen = () => {
        throw new Failure('NO_CONNECT', 'no driver')
      }
      const libvirt = client()
      await assert.rejects(libvirt.open(), error => isLibvirtCode(error, 'NO_CONNECT'))
      server.handlers.connectOpen = () => {}
      await libvirt.open()
    })

    it('has a deadline of its own, for all its steps together', async () => {
      const { promise, resolve } = Promise.withResolvers<{ types: number[] }>()
      server.handlers.authList = () => promise
      server.handlers.connectSupportsFeature = never
      const libvirt = client({ connectDeadlineMs: 500 })
      const [first, second] = [server.next('authList'), server.next('connectSupportsFeature')]
      const opened = assert.rejects(libvirt.open(), { reason: 'timeout', sent: false })
      await first
      await clock.advance(300)
      resolve({ types: [0] })
      await second
      await clock.advance(200)
      await opened
      await server.peer.closed
    })

    it("is waited for no longer than the call's own deadline or signal", async () => {
      const asked = server.next('authList')
      const { promise, resolve } = Promise.withResolvers<{ types: number[] }>()
      server.handlers.authList = () => promise
      const libvirt = client()
      const controller = new AbortController()
      const timed = assert.rejects(libvirt.open({ deadlineMs: 10 }), { reason: 'timeout', sent: false })
      const aborted = assert.rejects(libvirt.open({ signal: controller.signal }), /enough/)
      const patient = libvirt.connect.getHostname()
      await asked
      controller.abort(new Error('enough'))
      await aborted
      await clock.advance(10)
      await timed
      resolve({ types: [0] })
      assert.equal(await patient, 'fake')
      assert.equal(server.peers.length, 1)
    })
  })

  describe('calls', () => {
    it('get their own answers, in whatever order these come', async () => {
      const count = 50
      const seen: SeenCall[] = []
      const all = Promise.withResolvers<void>()
      server.handlers.domainLookupByName = (_args, call) => {
        seen.push(call)
        if (seen.length === count) all.resolve()
        return never()
      }
      const libvirt = client({ maxInFlight: count })
      const calls = Array.from({ length: count }, (_, index) => libvirt.domain.lookupByName(`vm${index}`))
      await all.promise
      for (const call of seen.toReversed()) {
        call.peer.reply(call, { dom: { ...DOM, name: (call.args as { name: string }).name } })
      }
      const got = await Promise.all(calls)
      assert.deepEqual(
        got.map(({ name }) => name),
        got.map((_, index) => `vm${index}`),
      )
      assert.equal(new Set(seen.map(({ serial }) => serial)).size, count)
    })

    it('wait their turn when the wire is full', async () => {
      const libvirt = client({ maxInFlight: 2 })
      await libvirt.open()
      const second = server.next('domainSuspend')
      server.handlers.domainResume = never
      server.handlers.domainSuspend = never
      server.handlers.domainReset = () => {}
      const first = libvirt.domain.resume(DOM)
      void assert.rejects(libvirt.domain.suspend(DOM))
      const third = libvirt.domain.reset(DOM)
      await second
      assert.equal(server.seen('domainReset').length, 0)
      const [resume] = server.seen('domainResume') as [SeenCall]
      resume.peer.reply(resume, undefined)
      await first
      await third
    })

    it("fail with libvirt's error whole", async () => {
      server.handlers.domainLookupByUUID = () => {
        throw new Failure('NO_DOMAIN', 'Domain not found')
      }
      await assert.rejects(client().domain.lookupByUUID(DOM.uuid), error => {
        assert.ok(isLibvirtCode(error, 'NO_SECRET', 'NO_DOMAIN'))
        assert.ok(!isLibvirtCode(error, 'NO_SECRET'))
        const { name, code, codeName, domain, domainName, level, procedure, text, message } = error
        assert.deepEqual(
          { name, code, codeName, domain, domainName, level, procedure, text, message },
          {
            name: 'LibvirtError',
            code: 42,
            codeName: 'NO_DOMAIN',
            domain: 10,
            domainName: 'QEMU',
            level: 2,
            procedure: 'domainLookupByUUID',
            text: 'Domain not found',
            message: 'libvirt domainLookupByUUID: Domain not found (NO_DOMAIN 42)',
          },
        )
        return true
      })
    })

    it('fail with a code that this client does not know yet', async () => {
      server.handlers.domainResume = () => {
        throw new Failure(4711, 'news')
      }
      await assert.rejects(client().domain.resume(DOM), { code: 4711, codeName: undefined, text: 'news' })
    })

    it('with arguments that do not fit fail alone and take no place', async () => {
      const libvirt = client({ maxInFlight: 1 })
      for (let index = 0; index < 3; index++) {
        await assert.rejects(libvirt.domain.lookupByUUID('sesame'), {
          name: 'XdrError',
          message: /^libvirt domainLookupByUUID: uuid: not a UUID$/,
        })
      }
      assert.equal(await libvirt.connect.getHostname(), 'fake')
    })

    it('end at their deadline; the late answer goes to nobody', async () => {
      const libvirt = client({ deadlineMs: 1000 })
      await libvirt.open()
      server.handlers.domainLookupByName = never
      const arrived = server.next('domainLookupByName')
      const slow = assert.rejects(libvirt.domain.lookupByName('slow'), error => {
        assert.ok(isConnectionError(error, 'timeout'))
        assert.equal(error.sent, true)
        assert.equal(error.message, 'libvirt domainLookupByName was not answered within 1 s')
        return true
      })
      const call = await arrived
      await clock.advance(1000)
      await slow
      call.peer.reply(call, { dom: { ...DOM, name: 'slow' } })
      server.handlers.domainLookupByName = ({ name }) => ({ dom: { ...DOM, name } })
      assert.equal((await libvirt.domain.lookupByName('next')).name, 'next')
      assert.equal(server.peers.length, 1)
    })

    it('end when they are aborted: before, while they wait for a place, on the wire', async () => {
      const libvirt = client({ maxInFlight: 1 })
      await libvirt.open()
      const reason = new Error('enough')
      await assert.rejects(libvirt.domain.reset(DOM, { signal: AbortSignal.abort(reason) }), reason)
      server.handlers.domainResume = never
      server.handlers.domainSuspend = () => {}
      const arrived = server.next('domainResume')
      const [onWire, waiting] = [new AbortController(), new AbortController()]
      const first = libvirt.domain.resume(DOM, { signal: onWire.signal })
      const second = libvirt.domain.reset(DOM, { signal: waiting.signal })
      const third = libvirt.domain.suspend(DOM)
      const call = await arrived
      waiting.abort(reason)
      onWire.abort(reason)
      await assert.rejects(second, reason)
      await assert.rejects(first, reason)
      call.peer.reply(call, undefined)
      await third
      assert.equal(server.seen('domainReset').length, 0)
    })

    it('leave no timer behind', async () => {
      const libvirt = client()
      await libvirt.open()
      const before = clock.sleeping
      await libvirt.connect.getHostname()
      await assert.rejects(libvirt.domain.resume(DOM))
      assert.equal(clock.sleeping, before)
    })
  })

  describe('a connection that ends', () => {
    it('rejects what waits, tells whether it was sent, and the next call has a new one', async () => {
      const libvirt = client({ maxInFlight: 1 })
      server.handlers.domainResume = never
      const arrived = server.next('domainResume')
      const sent = assert.rejects(libvirt.domain.resume(DOM), { reason: 'lost', sent: true })
      const queued = assert.rejects(libvirt.domain.suspend(DOM), { reason: 'lost', sent: false })
      await arrived
      server.peer.socket.destroy()
      await sent
      await queued
      assert.equal(await libvirt.connect.getHostname(), 'fake')
      assert.equal(server.peers.length, 2)
    })

    it('in the middle of a reply rejects the call', async () => {
      const libvirt = client()
      server.handlers.connectGetURI = never
      const arrived = server.next('connectGetURI')
      const call = assert.rejects(libvirt.connect.getURI(), { reason: 'lost', sent: true })
      const { peer, serial } = await arrived
      const frame = encodeFrame(remoteHeader(110, MessageType.REPLY, serial), struct({ a: int, b: int }), {
        a: 4,
        b: 0,
      })
      peer.socket.end(frame.bytes().subarray(0, 31))
      await call
    })

    it('while it is being opened rejects the call as not sent', async () => {
      server.handlers.connectOpen = (_args, call) => {
        call.peer.socket.destroy()
        return never()
      }
      await assert.rejects(client().domain.resume(DOM), { reason: 'lost', sent: false })
    })
  })

  describe('a peer that breaks the protocol', () => {
    const reply = (proc: number, serial: number, status = 0) => remoteHeader(proc, MessageType.REPLY, serial, status)
    const frame = (head: Parameters<typeof encodeFrame>[0], ...words: number[]): Buffer => {
      const codec = struct(Object.fromEntries(words.map((_, index) => [`w${index}`, int])))
      return encodeFrame(head, codec, Object.fromEntries(words.map((word, index) => [`w${index}`, word]))).bytes()
    }
    const words = (...list: number[]) =>
      Buffer.concat(list.map(word => Buffer.from(Uint32Array.of(word).buffer).reverse()))
    /** Each is sent while call `serial` of connectGetURI (110) waits. */
    const broken: Record<string, (serial: number) => Buffer> = {
      'a length below the header': () => words(27),
      'a length of 0': () => words(0),
      'a length above the limit': () => words(0x7fff_ffff),
      'another version': serial => frame({ ...reply(110, serial), vers: 2 }, 0),
      'an unknown program': serial => frame({ ...reply(110, serial), prog: 0x1234 }, 0),
      'a call to us': serial => frame({ ...reply(110, serial), type: 0 }, 0),
      'a stream': serial => frame({ ...reply(110, serial), type: 3 }, 0),
      'a reply to nothing': serial => frame(reply(110, serial + 1), 0),
      'a reply of another procedure': serial => frame(reply(111, serial), 0),
      'an unknown status': serial => frame(reply(110, serial, 2), 0),
      'a reply that is too short': serial => frame(reply(110, serial), 8, 0),
      'a reply that is too long': serial => frame(reply(110, serial), 0, 0),
      'a string that is too long': serial => frame(reply(110, serial), 0x7fff_ffff),
      'an error that is none': serial => frame(reply(110, serial, 1), 1),
      'an event that is none': () => frame(remoteHeader(318, MessageType.MESSAGE, 0), 1, 2),
      'keep-alive of an unknown kind': () => frame(keepAliveHeader(3)),
      'keep-alive with a payload': () => frame(keepAliveHeader(KeepAlive.PING), 1),
      'keep-alive as a call': () => frame({ ...keepAliveHeader(KeepAlive.PING), type: 0 }),
    }

    for (const [what, bytes] of Object.entries(broken)) {
      it(`loses its connection: ${what}`, async () => {
        const libvirt = client()
        server.handlers.connectGetURI = never
        const arrived = server.next('connectGetURI')
        const waiting = assert.rejects(libvirt.connect.getURI(), error => {
          assert.ok(isConnectionError(error, 'malformed'), String(error))
          assert.equal(error.sent, true)
          return true
        })
        const { peer, serial } = await arrived
        peer.raw(bytes(serial))
        await waiting
        await peer.closed
        assert.equal(await libvirt.connect.getHostname(), 'fake')
      })
    }

    it('never crashes or hangs the client, whatever bytes it sends', async () => {
      const junk = fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc
          .tuple(fc.integer({ min: 24, max: 80 }), fc.uint8Array({ minLength: 24, maxLength: 80 }))
          .map(([length, rest]) => {
            const head = Buffer.concat([words(length, REMOTE_PROGRAM, 1), Buffer.from(rest)])
            return head
          }),
      )
      server.handlers.connectGetURI = never
      const libvirt = client()
      await fc.assert(
        fc.asyncProperty(junk, async bytes => {
          const arrived = server.next('connectGetURI')
          const waiting = libvirt.connect.getURI()
          const settled = waiting.then(
            () => undefined,
            error => assert.ok(isConnectionError(error, 'malformed', 'lost'), String(error)),
          )
          const { peer } = await arrived
          peer.socket.end(bytes)
          await settled
        }),
        { numRuns: 60 },
      )
    })

    it('may send events that are not known here', async () => {
      const libvirt = client()
      await libvirt.open()
      server.peer.raw(frame(remoteHeader(9999, MessageType.MESSAGE, 0), 1, 2, 3))
      assert.equal(await libvirt.connect.getHostname(), 'fake')
      assert.equal(server.peers.length, 1)
    })
  })

  describe('keep-alive', () => {
    it('answers pings', async () => {
      await client().open()
      const answered = server.peer.nextKeepAlive()
      server.peer.ping()
      await answered
      assert.equal(server.peer.pongs, 1)
    })

    it('asks a silent peer, and only a silent one', async () => {
      const libvirt = client({ keepAlive: { intervalMs: 1000, count: 3 } })
      await libvirt.open()
      await clock.advance(1000)
      assert.equal(server.peer.pings, 0, 'it has just spoken')
      for (let asked = 1; asked <= 10; asked++) {
        const ping = server.peer.nextKeepAlive()
        while (server.peer.pings < asked) await clock.advance(1000)
        await ping
        await libvirt.connect.getHostname()
      }
      assert.equal(server.peers.length, 1)
    })

    it('ends the connection to a peer that does not answer', async () => {
      const libvirt = client({ keepAlive: { intervalMs: 1000, count: 3 }, deadlineMs: 1_000_000 })
      await libvirt.open()
      server.peer.deaf = true
      server.handlers.domainResume = never
      const arrived = server.next('domainResume')
      const call = assert.rejects(libvirt.domain.resume(DOM), {
        reason: 'dead',
        sent: true,
        message: /no sign of life from the daemon for 4 s/,
      })
      await arrived
      await clock.advance(1000)
      for (let asked = 1; asked <= 3; asked++) {
        const ping = server.peer.nextKeepAlive()
        await clock.advance(1000)
        await ping
        assert.equal(server.peer.pings, asked)
      }
      await clock.advance(1000)
      await call
      await server.peer.closed
    })

    it('is left alone where the daemon does not know it', async () => {
      server.handlers.connectSupportsFeature = () => ({ supported: false })
      const libvirt = client()
      await libvirt.open()
      assert.equal(clock.sleeping, 0)
    })
  })

  describe('events', () => {
    const lifecycle = { callbackID: 100, dom: DOM, event: DomainEvent.STARTED, detail: 0 }

    it('are registered once for all who listen, and not any more when nobody does', async () => {
      const libvirt = client()
      const heard: string[] = []
      const first = await libvirt.subscribe('lifecycle', ({ dom }) => heard.push(`first ${dom.name}`))
      const second = await libvirt.subscribe('lifecycle', ({ dom }) => heard.push(`second ${dom.name}`))
      const other = await libvirt.subscribe('deviceRemoved', ({ devAlias }) => heard.push(devAlias))
      const registered = server.seen('connectDomainEventCallbackRegisterAny')
      assert.deepEqual(
        registered.map(({ args }) => args),
        [
          { eventID: 0, dom: undefined },
          { eventID: 15, dom: undefined },
        ],
      )
      server.peer.event('lifecycle', lifecycle)
      server.peer.event('deviceRemoved', { callbackID: 115, dom: DOM, devAlias: 'ua-x' })
      await libvirt.connect.getHostname()
      assert.deepEqual(heard.splice(0), ['first vm', 'second vm', 'ua-x'])
      await first.close()
      assert.equal(server.seen('connectDomainEventCallbackDeregisterAny').length, 0)
      server.peer.event('lifecycle', lifecycle)
      await libvirt.connect.getHostname()
      assert.deepEqual(heard.splice(0), ['second vm'])
      await second.close()
      await second.close()
      await other.close()
      assert.deepEqual(
        server.seen('connectDomainEventCallbackDeregisterAny').map(({ args }) => args),
        [{ callbackID: 100 }, { callbackID: 115 }],
      )
    })

    it('of every kind carry what libvirt sent', async () => {
      const libvirt = client()
      const heard: unknown[] = []
      const sent = {
        lifecycle: { ...lifecycle, event: 5, detail: 1 },
        reboot: { callbackID: 1, dom: DOM },
        deviceRemoved: { callbackID: 2, dom: DOM, devAlias: 'a' },
        deviceAdded: { callbackID: 3, dom: DOM, devAlias: 'b' },
        deviceRemovalFailed: { callbackID: 4, dom: DOM, devAlias: 'c' },
        blockJob2: { callbackID: 5, dom: DOM, dst: 'vda', type: 2, status: 3 },
      }
      for (const name of Object.keys(sent) as (keyof typeof sent)[]) {
        await libvirt.subscribe(name, message => heard.push(message))
        server.peer.event(name, sent[name] as never)
      }
      await libvirt.connect.getHostname()
      assert.deepEqual(heard, Object.values(sent))
    })

    it('that overtake the reply to their registration are heard', async () => {
      server.handlers.connectDomainEventCallbackRegisterAny = (_args, call) => {
        call.peer.event('lifecycle', lifecycle)
        return { callbackID: 100 }
      }
      const heard: unknown[] = []
      await client().subscribe('lifecycle', message => heard.push(message))
      assert.deepEqual(heard, [lifecycle])
    })

    it('that cannot be registered leave no listener', async () => {
      server.handlers.connectDomainEventCallbackRegisterAny = () => {
        throw new Failure('NO_SUPPORT', 'no')
      }
      const libvirt = client()
      const heard: unknown[] = []
      await assert.rejects(
        libvirt.subscribe('lifecycle', message => heard.push(message)),
        { codeName: 'NO_SUPPORT' },
      )
      server.peer.event('lifecycle', lifecycle)
      await libvirt.connect.getHostname()
      assert.deepEqual(heard, [])
    })

    it('are registered again on a new connection before anybody is told of it', async () => {
      const libvirt = client()
      const heard: string[] = []
      const told: (ConnectionChange['kind'] | number)[] = []
      const registrations = () => server.seen('connectDomainEventCallbackRegisterAny').length
      libvirt.onConnection(change => told.push(change.kind, registrations()))
      await libvirt.subscribe('lifecycle', ({ dom }) => heard.push(dom.name))
      await (await libvirt.subscribe('reboot', () => {})).close()
      assert.deepEqual(told, [])
      const [peer] = server.peers
      peer?.socket.destroy()
      await peer?.closed
      while (told.length === 0) await tick()
      await libvirt.open()
      assert.deepEqual(told, ['lost', 2, 'reconnected', 3])
      server.peer.event('lifecycle', lifecycle)
      await libvirt.connect.getHostname()
      assert.deepEqual(heard, ['vm'])
    })

    it('reach the others when one listener throws, and the error is not hidden', async t => {
      const surfaced: (() => void)[] = []
      t.mock.method(globalThis, 'queueMicrotask', (work: () => void) => surfaced.push(work))
      const libvirt = client()
      const heard: string[] = []
      await libvirt.subscribe('lifecycle', () => {
        throw new Error('defect of the listener')
      })
      await libvirt.subscribe('lifecycle', ({ dom }) => heard.push(dom.name))
      server.peer.event('lifecycle', lifecycle)
      assert.equal(await libvirt.connect.getHostname(), 'fake')
      assert.deepEqual(heard, ['vm'])
      assert.equal(surfaced.length, 1)
      assert.throws(() => surfaced[0]?.(), /defect of the listener/)
    })

    it('end with a subscription although the connection is lost meanwhile', async () => {
      const libvirt = client()
      const subscription = await libvirt.subscribe('lifecycle', () => {})
      server.handlers.connectDomainEventCallbackDeregisterAny = (_args, call) => {
        call.peer.socket.destroy()
        return never()
      }
      await subscription.close()
    })

    it('end with a subscription although the connection is gone', async () => {
      const libvirt = client()
      const subscription = await libvirt.subscribe('lifecycle', () => {})
      const lost = new Promise<void>(resolve => libvirt.onConnection(() => resolve()))
      server.peer.socket.destroy()
      await lost
      await subscription.close()
      await libvirt.open()
      assert.equal(server.seen('connectDomainEventCallbackRegisterAny').length, 1)
    })
  })

  describe('closing', () => {
    it('takes leave, rejects what waits and tells nobody of a gap', async () => {
      const libvirt = client()
      const told: unknown[] = []
      libvirt.onConnection(change => told.push(change))
      server.handlers.domainResume = never
      const arrived = server.next('domainResume')
      const waiting = assert.rejects(libvirt.domain.resume(DOM), { reason: 'closed', sent: true })
      await arrived
      await libvirt.close()
      await waiting
      await libvirt.close()
      assert.equal(server.seen('connectClose').length, 1)
      await assert.rejects(libvirt.connect.getHostname(), { reason: 'closed', sent: false })
      assert.deepEqual(told, [])
      assert.equal(clock.sleeping, 0)
    })

    it('does not wait for a peer that does not answer', async () => {
      const libvirt = client()
      await libvirt.open()
      server.handlers.connectClose = never
      const asked = server.next('connectClose')
      const closed = libvirt.close()
      await asked
      await clock.advance(2000)
      await closed
      await server.peer.closed
    })

    it('ends an opening that is under way', async () => {
      server.handlers.connectOpen = never
      const libvirt = client()
      const asked = server.next('connectOpen')
      const waiting = assert.rejects(libvirt.connect.getHostname(), { reason: 'closed', sent: false })
      await asked
      await libvirt.close()
      await waiting
      await server.peer.closed
    })
  })

  it('keeps to the keep-alive message layout of libvirt', () => {
    const ping = encodeFrame(keepAliveHeader(KeepAlive.PING), nothing, undefined).bytes()
    assert.equal(ping.toString('hex'), '0000001c6b6565700000000100000001000000020000000000000000')
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withDeadline } from '#src/core/deadline.ts'
import { HoldfastError } from '#src/core/error.ts'
import { type Fault, faultAt } from './faults.ts'
import { SeededRandom } from './random.ts'
import { World } from './world.ts'

const settled = async (promise: Promise<unknown>): Promise<string> => {
  const state = promise.then(
    () => 'done',
    error => String(error.message),
  )
  const turn = new Promise<string>(resolve => setImmediate(() => setImmediate(() => resolve('waits'))))
  return await Promise.race([state, turn])
}

/** Two effects, one after the other, with a fault at the first. */
async function run(world: World, fault: Fault): Promise<{ end: string; made: string }> {
  world.faults = faultAt(1, fault)
  let made = ''
  const work = async () => {
    await world.effect('one', () => {
      made += '1'
    })
    await world.effect('two', () => {
      made += '2'
    })
  }
  return { end: await settled(work()), made }
}

describe('the simulated world', () => {
  it('lets an effect fail before or after it took place', async () => {
    const error = new HoldfastError('busy', 'busy', 'no')
    assert.deepEqual(await run(new World(), { do: 'fail', when: 'before', error }), { end: 'no', made: '' })
    assert.deepEqual(await run(new World(), { do: 'fail', when: 'after', error }), { end: 'no', made: '1' })
  })

  it('stops a process that dies for ever, and starts another', async () => {
    for (const [when, made] of [
      ['before', ''],
      ['after', '1'],
    ] as const) {
      const world = new World()
      assert.deepEqual(await run(world, { do: 'die', when }), { end: 'waits', made })
      assert.deepEqual(await world.died, { kind: 'effect', number: 1, name: 'one' })
      const asleep = world.clock.sleep(5)
      await world.restart()
      assert.equal(await settled(asleep), 'waits')
      assert.equal(await settled(world.effect('three', () => {})), 'done')
    }
  })

  it('hangs until the deadline, and no real time passes', async () => {
    const world = new World()
    world.faults = faultAt(1, { do: 'hang', when: 'before' })
    const work = withDeadline(world.clock, 60_000, 'step', undefined, signal => world.effect('one', () => {}, signal))
    await assert.rejects(work, /step did not finish within 60 s/)
    assert.equal(world.clock.monotonic(), 60_000)
  })

  it('wakes sleepers in the order of their times', async () => {
    const { clock } = new World()
    const order: number[] = []
    const sleep = async (ms: number) => {
      await clock.sleep(ms)
      order.push(clock.monotonic())
    }
    await Promise.all([sleep(30), sleep(10), sleep(20).then(() => sleep(5))])
    assert.deepEqual(order, [10, 20, 25, 30])
  })

  it('gives the same randomness for the same seed', () => {
    assert.equal(new SeededRandom(7).uuid(), new SeededRandom(7).uuid())
    assert.notEqual(new SeededRandom(7).uuid(), new SeededRandom(8).uuid())
    assert.match(new SeededRandom(7).uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it('knows what a reader of a path gets to see', () => {
    const world = new World()
    const luks = { version: 1, uuid: 'u', passphraseHash: 'h', payloadOffsetBytes: 1 } as const
    const file = world.addFile('/pool/a', { content: 'a', luks })
    world.loops.set('/dev/loop0', { path: '/dev/loop0', file, backingPath: '/pool/a' })
    world.mappings.set('c', { name: 'c', target: 'crypt', dmUuid: 'x', over: '/dev/loop0', sizeBytes: 1 })
    world.secrets.set('s', { uuid: 's', usage: 'a', valueHash: 'h' })
    assert.deepEqual(world.see('/pool/a'), { content: 'a', ciphertext: true })
    assert.deepEqual(world.see('/pool/a', 's'), { content: 'a', ciphertext: false })
    assert.deepEqual(world.see('/dev/loop0'), { content: 'a', ciphertext: true })
    assert.deepEqual(world.see('/dev/mapper/c'), { content: 'a', ciphertext: false })
    assert.equal(world.see('/dev/mapper/other'), undefined)
    assert.deepEqual(world.holders('/dev/loop0'), ['mapping c'])
    assert.deepEqual(world.holders('/pool/a'), ['loop device /dev/loop0'])
  })

  it('loses at a reboot what lived in the kernel, and keeps files', async () => {
    const world = new World()
    const file = world.addFile('/pool/a')
    world.loops.set('/dev/loop0', { path: '/dev/loop0', file, backingPath: '/pool/a' })
    world.hold('/pool/a', 'somebody')
    const { bootId } = world
    await world.reboot()
    assert.deepEqual([world.loops.size, world.users.size, world.files.size], [0, 0, 1])
    assert.notEqual(world.bootId, bootId)
  })

  it('forks into two that know nothing of each other', () => {
    const world = new World({ seed: 7 })
    const file = world.addFile('/pool/a', { sizeBytes: 1024 })
    world.loops.set('/dev/loop0', { path: '/dev/loop0', file, backingPath: '/pool/a' })
    world.clock.advance(5000)
    world.slot('twin', () => new Map([['rows', [1, 2]]])).get('rows')
    const other = world.fork()
    assert.equal(other.loops.get('/dev/loop0')?.file, other.files.get('/pool/a'))
    assert.notEqual(other.files.get('/pool/a'), file)
    assert.deepEqual([other.bootId, other.clock.now()], [world.bootId, world.clock.now()])
    assert.equal(other.random.uuid(), world.random.uuid())
    other
      .slot('twin', () => new Map<string, number[]>())
      .get('rows')
      ?.push(3)
    other.cutPower()
    assert.deepEqual(world.slot('twin', () => new Map()).get('rows'), [1, 2])
    assert.equal(world.loops.size, 1)
  })

  it('refuses to fork state that cannot be copied', () => {
    const world = new World()
    world.slot('twin', () => new Date())
    assert.throws(() => world.fork(), /Date is not plain data/)
  })

  it('tells who watches of each effect, right before and right after', async () => {
    const world = new World()
    const told: string[] = []
    world.watch = (when, { name }) => told.push(`${when} ${name}: ${world.files.size}`)
    await Promise.all([
      world.effect('one', () => world.addFile('/1')),
      world.effect('two', () => world.addFile('/2')),
      world.effect('three', () => assert.fail('refused')).catch(() => {}),
    ])
    assert.deepEqual(told.slice(0, 4), ['before one: 0', 'after one: 1', 'before two: 1', 'after two: 2'])
    assert.deepEqual(told.slice(4), ['before three: 2', 'after three: 2'])
  })
})

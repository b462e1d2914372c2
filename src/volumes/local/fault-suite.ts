import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { HoldfastError, isHoldfastError } from '#src/core/error.ts'
import { connector } from '../conformance-fixture.ts'
import { FaultBench, type Strike } from './fault-bench.ts'
import type { LocalVolumeService } from './local-volume-service.ts'
import { HOST_NAME, LocalBench } from './testing.ts'

export interface FaultCase {
  readonly name: string
  /** Makes what the verb needs; gives the id that it is told. */
  prepare(service: LocalVolumeService): Promise<string>
  verb(service: LocalVolumeService, id: string, imageFile: string): Promise<unknown>
}

export const noSpace = new HoldfastError('no-space', 'no-space', 'no space left')
const TRANSIENT = ['creating', 'deleting', 'extending', 'downloading']

/** Runs the case with one strike; gives the outcome, or where the process died. */
async function struck(bench: LocalBench, each: FaultCase, strike: Strike) {
  const imageFile = await bench.raw('image.raw', 'image ')
  const faults = new FaultBench()
  const { service } = await bench.open({ host: faults.host(bench.host), keys: faults.keys(bench.keys) })
  const id = await each.prepare(service)
  const before = await picture(bench, service)
  const first = faults.passed.length
  faults.strike = { ...strike, number: first + strike.number }
  const outcome = each.verb(service, id, imageFile).then(
    () => 'done' as const,
    (error: unknown) => error,
  )
  const ended = await Promise.race([outcome, faults.died.then(place => `died ${strike.when} ${place}`)])
  const hit = faults.passed.length >= first + strike.number
  return {
    service,
    id,
    imageFile,
    before,
    ended,
    hit,
    place: `${strike.when} ${faults.passed[first + strike.number - 1]}`,
  }
}

/** All that can be seen of the service and its pool. */
async function picture(bench: LocalBench, service: LocalVolumeService) {
  const facts = (await bench.pool()).map(async name => {
    const { size, inode } = (await bench.host.files.stat(join(bench.directory, 'pool', name))) ?? {}
    return { name, size, inode }
  })
  return {
    volumes: await service.getAll(),
    snapshots: await service.getAllSnapshots(),
    files: await Promise.all(facts),
    keys: [...bench.keys.stored.keys()],
  }
}

/** Nothing half done, nothing left over, and each volume that is available can be connected. */
async function checkSound(bench: LocalBench, service: LocalVolumeService, place: string): Promise<void> {
  const { volumes, snapshots, files, keys } = await picture(bench, service)
  for (const { status } of [...volumes, ...snapshots]) assert.ok(!TRANSIENT.includes(status), `${status} ${place}`)
  const standing = volumes.filter(({ status }) => status === 'available')
  const kept = snapshots.filter(({ status }) => status === 'available')
  const names = [...kept.map(({ id }) => `snapshot-${id}`), ...standing.map(({ id }) => `volume-${id}`)].sort()
  assert.deepEqual(
    files.map(({ name }) => name),
    names,
    place,
  )
  const secret = new Set(volumes.filter(volume => volume.encrypted).map(({ id }) => id))
  const wanted =
    standing.filter(({ id }) => secret.has(id)).length + kept.filter(row => secret.has(row.volumeId)).length
  assert.equal(keys.length, wanted, `keys ${place}`)
  for (const { id: volumeId } of standing) {
    const request = { volumeId, instanceId: bench.host.random.uuid(), connector: connector(HOST_NAME) }
    await service.attachmentDelete((await service.attachmentCreate(request)).id)
  }
}

/** Every change that the verb makes, before and after it. */
async function everywhere(
  what: Strike['what'],
  each: FaultCase,
  check: (bench: LocalBench, run: Awaited<ReturnType<typeof struck>>) => Promise<void>,
) {
  let struckAt = 0
  for (let number = 1, hit = true; hit; number++) {
    for (const when of ['before', 'after'] as const) {
      await using bench = await LocalBench.make()
      const run = await struck(bench, each, { number, when, what })
      hit = run.hit
      if (!hit) break
      struckAt++
      await check(bench, run)
    }
  }
  assert.ok(struckAt > 0, 'nothing was struck')
}

/**
 * Every change that each verb makes is struck, before and after it, once by an error and once by the death of the process.
 */
export function faultSuite(writing: readonly FaultCase[], deleting: readonly FaultCase[]): void {
  describe('disk full at each writing step', () => {
    for (const each of writing) {
      it(`${each.name}: no-space, everything as before, and it works when there is space`, async () => {
        await everywhere(noSpace, each, async (bench, { service, id, imageFile, before, ended, place }) => {
          if (ended === 'done') return
          assert.ok(isHoldfastError(ended), String(ended))
          assert.equal(ended.code, 'no-space', place)
          if (ended.details.left === undefined) assert.deepEqual(await picture(bench, service), before, place)
          else assert.match(`${each.name} ${place}`, /^reimage.* after rename$/)
          await each.verb(service, id, imageFile)
          await checkSound(bench, service, place)
        })
      })
    }
  })

  describe('a failure while something is deleted', () => {
    for (const each of deleting) {
      it(`${each.name}: is told, and the deletion can be done again`, async () => {
        const failure = new HoldfastError('host-command', 'io-error', 'the disk failed')
        await everywhere(failure, each, async (bench, { service, id, ended, place }) => {
          assert.equal(ended, failure, place)
          const states = [...(await service.getAll()), ...(await service.getAllSnapshots())].map(({ status }) => status)
          assert.ok(states.includes('error_deleting'), `${states} ${place}`)
          await each.verb(service, id, '')
          await checkSound(bench, service, place)
        })
      })
    }
  })

  describe('the process dies at any change', () => {
    for (const each of [...writing, ...deleting]) {
      it(`${each.name}: the next start settles it`, async () => {
        await everywhere('die', each, async (bench, { service, ended, place }) => {
          assert.match(String(ended), /^died /)
          service.close()
          const { service: next, recovered } = await bench.open()
          assert.deepEqual(
            recovered.filter(({ problem }) => problem),
            [],
            place,
          )
          await checkSound(bench, next, place)
          for (const volume of await next.getAll({ status: 'error' })) await next.delete(volume.id)
          for (const { id, status } of await next.getAllSnapshots())
            if (status === 'error') await next.deleteSnapshot(id)
          await checkSound(bench, next, place)
        })
      })
    }
  })
}

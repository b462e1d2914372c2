import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HoldfastError } from '#src/core/error.ts'
import type { ServiceRequest } from '../service-client.ts'
import { allAttachments, allVolumes, listVolumes } from './index.ts'
import { recorded, ScriptedClient } from './testing/scripted-client.ts'

const idOf = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
const indexOf = (id: unknown) => Number(String(id).slice(-12))
const volume = (index: number) => ({ ...recorded('volume-create').body.volume, id: idOf(index) })
const attachment = (index: number) => ({ id: idOf(index), status: 'attached', instance: null, volume_id: idOf(index) })

/** A service that has so many, and gives so many at a time at most. */
function server(count: number, most: number, key: 'volumes' | 'attachments') {
  const gone = new Set<number>()
  const items = Array.from({ length: count }, (_, index) => (key === 'volumes' ? volume(index) : attachment(index)))
  const client = new ScriptedClient(({ query }: ServiceRequest) => {
    const marker = query?.marker === undefined ? -1 : indexOf(query.marker)
    if (gone.has(marker)) return { status: 404, body: { itemNotFound: { code: 404, message: 'Volume not found.' } } }
    const size = Math.min(most, Number(query?.limit))
    const page = items.slice(marker + 1, marker + 1 + size)
    const links = page.length >= size && key === 'volumes' ? { volumes_links: [LINK] } : {}
    return { status: 200, body: { [key]: page, ...links } }
  })
  return { client, gone }
}

const LINK = { rel: 'next', href: 'http://elsewhere.test/steal-the-token' }
const numbers = (items: readonly { readonly id: string }[]) => items.map(({ id }) => indexOf(id))
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

describe('lists', () => {
  it('go on by the last id until there is no more, whatever the service gives at a time', async () => {
    for (const [count, most, pageSize] of [
      [0, 1000, 1000],
      [3, 1000, 1000],
      [7, 3, 1000],
      [6, 3, 3],
      [25, 10, 4],
    ] as const) {
      const { client } = server(count, most, 'volumes')
      assert.deepEqual(numbers(await allVolumes(client, { pageSize })), upTo(count))
      assert.ok(client.sent.every(({ path }) => path === 'volumes/detail'))
    }
  })

  it('without links go on after a page that may have been cut', async () => {
    for (const [count, most] of [
      [0, 1000],
      [19, 1000],
      [100, 20],
      [2500, 1000],
    ] as const) {
      const { client } = server(count, most, 'attachments')
      assert.deepEqual(numbers(await allAttachments(client)), upTo(count))
    }
    const { client } = server(19, 1000, 'attachments')
    await allAttachments(client)
    assert.equal(client.sent.length, 1)
  })

  it('ask for the next page before the items of this one are taken, and for no more than that', async () => {
    const { client } = server(30, 10, 'volumes')
    const list = listVolumes(client)
    await list.next()
    assert.deepEqual(
      client.sent.map(({ query }) => query?.marker),
      [undefined, idOf(9)],
    )
    await list.return()
    assert.equal(client.sent.length, 2)
    assert.equal(client.sent[1]?.signal?.aborted, true)
  })

  it('end in an error where a page does not go on', async () => {
    const body = { volumes: [volume(1), volume(2)], volumes_links: [LINK] }
    const client = new ScriptedClient(() => ({ status: 200, body }))
    await assert.rejects(allVolumes(client), (error: HoldfastError) => error.code === 'paging-stuck')
    assert.equal(client.sent.length, 2)
  })

  it('step back from an item that was deleted meanwhile, and show none twice', async () => {
    const { client, gone } = server(25, 10, 'volumes')
    gone.add(9).add(8)
    assert.deepEqual(numbers(await allVolumes(client)), upTo(25))
    for (const index of upTo(10)) gone.add(index)
    await assert.rejects(allVolumes(client), (error: HoldfastError) => error.kind === 'not-found')
  })

  it('hand on a failure of a page, also of one that nobody waited for yet', async () => {
    let asked = 0
    const client = new ScriptedClient(() =>
      asked++ === 0
        ? { status: 200, body: { volumes: [volume(1)], volumes_links: [LINK] } }
        : { status: 503, body: {} },
    )
    const list = listVolumes(client)
    assert.equal((await list.next()).done, false)
    await new Promise(resolve => setImmediate(resolve))
    await assert.rejects(list.next(), (error: HoldfastError) => error.kind === 'unavailable')
  })

  it('name the item that is none', async () => {
    const client = new ScriptedClient(() => ({
      status: 200,
      body: { volumes: [volume(1), { ...volume(2), size: 'x' }] },
    }))
    await assert.rejects(allVolumes(client), /volume 2 that the volume service answered has no count 'size'/)
  })

  it('end with the caller', async () => {
    const { client } = server(30, 10, 'volumes')
    const stop = new AbortController()
    const list = listVolumes(client, { signal: stop.signal })
    for (let index = 0; index < 10; index++) await list.next()
    stop.abort(new Error('enough'))
    await assert.rejects(async () => {
      for await (const _ of list) assert.ok(_)
    })
  })
})

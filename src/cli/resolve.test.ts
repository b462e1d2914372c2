import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resolveBy, resolveOne } from './resolve.ts'

const one = { id: 'aaaa1111-0000-4000-8000-000000000000', name: 'data-1' }
const two = { id: 'aaaa2222-0000-4000-8000-000000000000', name: 'data-2' }
const unnamed = { id: 'bbbb0000-0000-4000-8000-000000000000', name: null }
const longer = { id: 'cccc0000-0000-4000-8000-000000000000', name: 'data-10' }
const all = [one, two, unnamed, longer]

const find = (text: string, candidates = all) => resolveOne('volume', text, candidates)

describe('names and ids', () => {
  it('are found whole or by their beginning', () => {
    assert.equal(find(one.id), one)
    assert.equal(find('data-2'), two)
    assert.equal(find('bbbb'), unnamed)
    assert.equal(find('aaaa2'), two)
    assert.equal(find('data-10'), longer)
  })

  it('whole wins over the beginning of another', () => {
    assert.equal(find('data-1'), one)
  })

  it('an id wins over a name', () => {
    const named = { id: 'dddd0000-0000-4000-8000-000000000000', name: one.id }
    assert.equal(find(one.id, [named, one]), one)
  })

  it('ambiguous ones list who could be meant', () => {
    assert.throws(() => find('aaaa'), {
      kind: 'conflict',
      code: 'ambiguous-name',
      message: `"aaaa" could mean 2 volumes: ${one.id} (data-1), ${two.id} (data-2)`,
    })
    assert.throws(() => find('data-1', [one, { ...two, name: 'data-1' }]), { code: 'ambiguous-name' })
  })

  it('unknown ones are not found, and nothing is never found', () => {
    assert.throws(() => find('web'), { kind: 'not-found', code: 'volume-not-found' })
    assert.throws(() => find('', [one]), { code: 'volume-not-found' })
    assert.throws(() => resolveOne('volume type', 'x', []), { code: 'volume-type-not-found' })
  })

  it('where nothing can be taken back, a name must be whole and an id have eight characters', () => {
    const strict = (text: string) => resolveOne('volume', text, all, { strict: true })
    assert.equal(strict('data-1'), one)
    assert.equal(strict('bbbb0000'), unnamed)
    for (const text of ['data', 'data-10'.slice(0, 5), 'bbbb', 'aaaa111']) {
      assert.throws(() => strict(text), { code: 'volume-not-found' }, text)
    }
    assert.throws(
      () => resolveOne('volume', 'data', [one], { strict: true }),
      (error: { details: { hint: string } }) => {
        assert.match(error.details.hint, /did you mean aaaa1111-.* \(data-1\)\?/)
        return true
      },
    )
  })

  it('a whole id is asked for and not searched', async () => {
    const source = { get: async (id: string) => ({ id, name: 'got' }), all: () => assert.fail('searched') }
    assert.equal((await resolveBy('volume', one.id, source)).name, 'got')
  })
})

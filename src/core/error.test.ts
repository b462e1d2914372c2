import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { asHoldfastError, collectErrors, HoldfastError } from './error.ts'

const busy = () => new HoldfastError('busy', 'busy', 'vdb is busy', { details: { layer: 'encryption' } })

describe('HoldfastError', () => {
  it('learns where it happened without losing what it knows', () => {
    const error = busy().within({ layer: 'connection', volume: 'v1' })
    assert.deepEqual(error.details, { layer: 'encryption', volume: 'v1' })
  })

  it('wraps what is not ours with the thing itself as the cause', () => {
    const cause = new TypeError('x is not a function')
    const error = asHoldfastError(cause)
    assert.deepEqual([error.kind, error.code, error.cause], ['internal', 'internal', cause])
    assert.equal(asHoldfastError(error), error)
  })

  it('keeps the first of many failures and tells the others (I9)', () => {
    const error = collectErrors([busy(), new Error('second'), new Error('third')])
    assert.equal(error?.code, 'busy')
    assert.match(error?.message ?? '', /vdb is busy \(and 2 more: second; third\)/)
    assert.equal(error?.also.length, 2)
    assert.equal(collectErrors([]), undefined)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { collectErrors, HoldfastError } from '#src/core/error.ts'
import { reportError } from './errors.ts'
import { plain } from './style.ts'

const quiet = { paint: plain, debug: false }

const failure = new HoldfastError('busy', 'device-detach-failed', 'the guest keeps vdb', {
  details: {
    operation: 'c1',
    volume: 'a1',
    layer: 'presentation',
    left: 'the disk is still there',
    hint: 'try again',
    command: 'x',
    exitCode: 5,
  },
})

describe('errors for people', () => {
  it('say what, what is left and what to do', () => {
    assert.deepEqual(reportError(failure, quiet).text.split('\n'), [
      'error: the guest keeps vdb',
      'where: volume a1, layer presentation',
      'left: the disk is still there',
      'operation: c1',
      'hint: try again',
      '',
    ])
  })

  it("show a service's id of the request, once", () => {
    const told = (message: string) =>
      reportError(new HoldfastError('quota', 'over-quota', message, { details: { requestId: 'req-1' } }), quiet).text
    assert.equal(told('too much'), 'error: too much\nrequest: req-1\n')
    assert.equal(told('too much (request req-1)'), 'error: too much (request req-1)\n')
  })

  it('end with the code of their kind', () => {
    assert.equal(reportError(failure, quiet).exitCode, 12)
    assert.equal(reportError(new HoldfastError('not-found', 'volume-not-found', 'no'), quiet).exitCode, 3)
    assert.equal(reportError(new Error('boom'), quiet).exitCode, 1)
    assert.equal(reportError(failure, { ...quiet, exitCode: 130 }).exitCode, 130)
  })

  it('list the others once', () => {
    const all = collectErrors([failure, new HoldfastError('timeout', 'timeout', 'too slow'), new Error('odd')])
    const { text } = reportError(all, quiet)
    assert.equal(text.match(/too slow/g)?.length, 1)
    assert.match(
      text,
      /^error: the guest keeps vdb\nalso: too slow\nalso: odd\nwhere: volume a1, layer presentation\nleft: /,
    )
  })

  it('never show a stack of an error that is an answer, even when asked', () => {
    const caused = new HoldfastError('timeout', 'timeout', 'too slow', { cause: new Error('inner') })
    assert.doesNotMatch(reportError(caused, { ...quiet, debug: true }).text, /errors\.test|inner/)
  })

  it('show a stack of a defect only when asked', () => {
    const defect = new TypeError('undefined is not a function')
    assert.equal(
      reportError(defect, quiet).text,
      'error: internal: undefined is not a function\nhint: this is a defect of Holdfast; HOLDFAST_DEBUG=1 shows where it came from\n',
    )
    assert.match(reportError(defect, { ...quiet, debug: true }).text, /errors\.test\.ts:\d+/)
    const wrapped = new HoldfastError('internal', 'internal', 'undefined…', { cause: defect })
    assert.doesNotMatch(reportError(wrapped, quiet).text, /errors\.test/)
    assert.match(reportError(wrapped, { ...quiet, debug: true }).text, /TypeError[\s\S]*errors\.test\.ts:\d+/)
  })

  it('do not let text from outside steer the terminal', () => {
    const evil = new HoldfastError('host-command', 'x', 'a\u001b[2Jb\r\nc\u009bd', { details: { hint: '\u0007' } })
    assert.equal(reportError(evil, quiet).text, 'error: a\\u{1b}[2Jb\\u{d}\\u{a}c\\u{9b}d\nhint: \\u{7}\n')
  })
})

describe('errors for programs', () => {
  it('are one line of JSON', () => {
    const { json } = reportError(failure, quiet)
    assert.equal(json.indexOf('\n'), json.length - 1)
    assert.deepEqual(JSON.parse(json), {
      error: {
        code: 'device-detach-failed',
        kind: 'busy',
        message: 'the guest keeps vdb',
        hint: 'try again',
        left: 'the disk is still there',
        operation: 'c1',
        exit_code: 12,
        instance: null,
        volume: 'a1',
        layer: 'presentation',
        command: 'x',
        command_exit_code: 5,
        request_id: null,
        also: [],
      },
    })
  })
})

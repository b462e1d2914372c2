import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import { confirm, requireConfirmable } from './confirm.ts'

interface Setup {
  readonly stdin?: NodeJS.ReadableStream | undefined
  readonly isTty?: { stdin?: boolean; stdout: boolean; stderr: boolean }
  readonly json?: boolean
  readonly signal?: AbortSignal
}

function asking({ stdin, isTty = { stdin: true, stdout: true, stderr: true }, json = false, signal }: Setup) {
  const printed: string[] = []
  const sink = { write: (chunk: string | Uint8Array) => printed.push(String(chunk)) }
  const context = {
    io: { stdin, isTty, stdout: sink, stderr: sink, env: {}, open: () => Promise.reject(new Error('not opened')) },
    global: { json, color: false, quiet: false },
    signal: signal ?? new AbortController().signal,
    progress: {
      observer: () => undefined,
      paint: (_: string, text: string) => text,
      during: <T>(_: string, work: Promise<T>) => work,
      line: () => undefined,
      settle: () => undefined,
    },
  }
  return { context, printed }
}

describe('a question', () => {
  for (const [typed, expected] of [
    [['y\n'], true],
    [['YES\r\n'], true],
    [[' yes \n'], true],
    [['y', 'e', 's', '\n'], true],
    [['yes'], true],
    [['n\n'], false],
    [['No\n'], false],
    [['\n'], false],
    [[], false],
    [['what?\ny\n'], true],
    [['1\n2\n3\ny\n'], false],
    [['yesno\n'], false],
  ] as const) {
    it(`answered with ${JSON.stringify(typed)} is ${expected ? 'a yes' : 'a no'}`, async () => {
      const { context } = asking({ stdin: Readable.from([...typed]) })
      assert.equal(await confirm(context, 'do it?'), expected)
    })
  }

  it('is put on stderr, and again until it is answered', async () => {
    const { context, printed } = asking({ stdin: Readable.from(['what?\ny\n']) })
    await confirm(context, 'do it?')
    assert.equal(printed.join(''), 'do it? [y/N] yes or no?\ndo it? [y/N] ')
  })

  it('ends with Ctrl-C', async () => {
    const stop = new AbortController()
    const { context } = asking({ stdin: new PassThrough(), signal: stop.signal })
    const answer = confirm(context, 'do it?')
    stop.abort(new Error('stopped by SIGINT'))
    await assert.rejects(answer, /stopped by SIGINT/)
  })
})

describe('a command that asks', () => {
  const stdin = Readable.from([])
  const terminal = { stdin: true, stdout: false, stderr: true }
  const refused = (setup: Setup, yes?: boolean) => {
    try {
      requireConfirmable(asking(setup).context, { yes, verb: 'host check --fix' })
      return false
    } catch (error) {
      assert.ok(hasCode(error, 'not-confirmed'))
      return true
    }
  }

  it('needs a terminal to read from and one to ask on', () => {
    assert.equal(refused({ stdin, isTty: terminal }), false)
    assert.equal(refused({ stdin, isTty: { ...terminal, stdin: false } }), true)
    assert.equal(refused({ stdin, isTty: { ...terminal, stderr: false } }), true)
    assert.equal(refused({ isTty: terminal }), true)
    assert.equal(refused({ stdin, isTty: { stdout: true, stderr: true } }), true)
    assert.equal(refused({ stdin, isTty: terminal, json: true }), true)
  })

  it('needs nobody with --yes', () => {
    assert.equal(refused({}, true), false)
    assert.equal(refused({ stdin, json: true }, true), false)
  })
})

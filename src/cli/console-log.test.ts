import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { ConsoleLog } from './console-log.ts'
import { fakeState, instance } from './testing/fake-holdfast.ts'
import { runCli, stopButton } from './testing/run-cli.ts'

let folder: string
let path: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-console-'))
})
after(() => rm(folder, { recursive: true }))
beforeEach(async () => {
  path = join(folder, 'console.log')
  await rm(path, { force: true })
})

/** Collects what is emitted, and waits until it has come to a text. */
function collector() {
  let text = ''
  let waiting: { until: string; resolve: () => void } | undefined
  return {
    emit: (bytes: Uint8Array) => {
      text += new TextDecoder().decode(bytes)
      if (waiting !== undefined && text.endsWith(waiting.until)) waiting.resolve()
    },
    text: () => text,
    until: (end: string) =>
      new Promise<void>(resolve => {
        waiting = { until: end, resolve }
        if (text.endsWith(end)) resolve()
      }),
  }
}

describe('console log', () => {
  it('goes on where it was, and begins anew when cut or replaced', async () => {
    const seen = collector()
    const log = new ConsoleLog(path, seen.emit)
    assert.equal(await log.read(), false)
    await writeFile(path, 'one\n')
    assert.equal(await log.read(), true)
    await appendFile(path, 'two\n')
    await log.read()
    await writeFile(path, 'cut\n')
    await log.read()
    await writeFile(`${path}.new`, 'a whole new file\n')
    await rename(`${path}.new`, path)
    await log.read()
    assert.equal(seen.text(), 'one\ntwo\ncut\na whole new file\n')
  })

  it('is followed from before it is there until the signal', { timeout: 10_000 }, async t => {
    const seen = collector()
    const stop = new AbortController()
    const following = new ConsoleLog(path, seen.emit).follow(AbortSignal.any([stop.signal, t.signal]))
    await writeFile(path, 'booting\n')
    await seen.until('booting\n')
    await appendFile(path, 'login:')
    await seen.until('login:')
    await rm(path)
    await writeFile(path, 'booting again\n')
    await seen.until('booting again\n')
    stop.abort()
    await following
  })

  it('that cannot be is an error with its path', async () => {
    const log = new ConsoleLog(join(folder, 'no/where.log'), () => undefined)
    await assert.rejects(log.follow(new AbortController().signal), {
      code: 'console-log-not-found',
      message: /no: ENOENT/,
    })
    await assert.rejects(new ConsoleLog(folder, () => undefined).read(), { message: /cannot read the console log/ })
  })
})

describe('instance console', () => {
  const evil = 'a\u001b[2Jb\r\nc\u0007\n'
  const state = () => fakeState({ instances: [instance()], consoleLog: path })

  it('filters control sequences on a terminal, and passes every byte elsewhere', async () => {
    await writeFile(path, evil)
    assert.equal((await runCli('instance console web-1', { state: state(), tty: true })).stdout, 'ab\nc^G\n')
    assert.equal((await runCli('instance console web-1', { state: state() })).stdout, evil)
  })

  it('says so if there is nothing', async () => {
    const run = await runCli('instance console web-1', { state: state() })
    assert.equal(run.stdout, '')
    assert.match(run.stderr, /web-1 has written nothing yet/)
  })

  it('follows until Ctrl-C or until nobody reads, and that is no failure', { timeout: 10_000 }, async t => {
    await writeFile(path, 'x\n')
    const button = stopButton()
    const closed = new AbortController()
    for (const end of [() => button.press(), () => closed.abort()]) {
      const written = Promise.withResolvers<void>()
      const run = runCli('instance console web-1 --follow', {
        state: state(),
        onStop: button.onStop,
        stdoutClosed: AbortSignal.any([closed.signal, t.signal]),
        stdout: { write: () => written.resolve() },
      })
      await written.promise
      end()
      assert.equal((await run).code, 0)
    }
  })
})

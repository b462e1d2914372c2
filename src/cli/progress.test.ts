import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StepOutcome, StepProgress } from '#src/engine/api.ts'
import { StepPrinter } from './progress.ts'
import { plain } from './style.ts'
import { StandingClock } from './testing/run-cli.ts'

const event = (step: number, outcome: StepOutcome, title = `connect volume data-${step}`): StepProgress => ({
  operationId: 'c1',
  operation: 'attach',
  instance: 'web-1',
  step,
  action: 'connect',
  subject: 'a1',
  title,
  outcome,
})

function printer(parts: { live?: boolean; quiet?: boolean } = {}) {
  const clock = new StandingClock()
  const output = { text: '' }
  const stderr = {
    columns: 60,
    write: (chunk: string | Uint8Array) => {
      output.text += chunk
    },
  }
  const progress = new StepPrinter({
    stderr,
    clock,
    live: parts.live ?? false,
    quiet: parts.quiet ?? false,
    paint: plain,
  })
  return { clock, output, progress }
}

/** What a terminal would show: each line as it was last written. */
const onScreen = (text: string) => text.split('\n').map(line => line.split('\r\u001b[2K').at(-1))

describe('progress without a terminal', () => {
  it('has a line for each step as it ends', () => {
    const { progress, output } = printer()
    progress.observer(event(1, { state: 'started' }))
    progress.observer(event(2, { state: 'started' }))
    progress.observer(event(2, { state: 'done', change: 'already', ms: 4 }))
    progress.observer(event(1, { state: 'failed', message: 'no\u001b[2J', ms: 30 }))
    progress.observer(event(2, { state: 'undo-started' }))
    progress.observer(event(2, { state: 'undone', change: 'made', ms: 20 }))
    progress.observer(event(3, { state: 'undo-failed', message: 'held', ms: 20 }))
    assert.deepEqual(output.text.split('\n'), [
      '✔ connect volume data-2 already so 0.00 s',
      '✘ connect volume data-1: no\\u{1b}[2J',
      '↩ undone: connect volume data-2 0.02 s',
      '✘ undo: connect volume data-3: held',
      '',
    ])
  })

  it('tells after a second what takes long, and when it ended', async () => {
    const { progress, output, clock } = printer()
    const work = Promise.withResolvers<string>()
    const done = progress.during('create volume data-1 from disk.qcow2', work.promise)
    await clock.advance(999)
    assert.deepEqual(output, { text: '' })
    await clock.advance(1)
    assert.deepEqual(output, { text: 'create volume data-1 from disk.qcow2 …\n' })
    await clock.advance(2200)
    work.resolve('x')
    assert.equal(await done, 'x')
    assert.equal(output.text.split('\n')[1], '✔ create volume data-1 from disk.qcow2 3.20 s')
  })

  it('is silent about what is quick, and about what failed', async () => {
    const { progress, output, clock } = printer()
    await progress.during('quick', Promise.resolve())
    await assert.rejects(progress.during('failing', Promise.reject(new Error('no'))), /no/)
    await clock.advance(5000)
    assert.equal(output.text, '')
  })

  it('is silent when asked to be', async () => {
    const { progress, output } = printer({ quiet: true, live: true })
    progress.observer(event(1, { state: 'started' }))
    progress.observer(event(1, { state: 'done', change: 'made', ms: 4 }))
    progress.settle()
    assert.equal(output.text, '')
  })
})

describe('progress on a terminal', () => {
  it('has a last line with what is running', async () => {
    const { progress, output, clock } = printer({ live: true })
    progress.observer(event(1, { state: 'started' }))
    progress.observer(event(2, { state: 'started' }))
    assert.deepEqual(onScreen(output.text), ['… connect volume data-1, connect volume data-2'])
    progress.observer(event(1, { state: 'done', change: 'made', ms: 4 }))
    assert.deepEqual(onScreen(output.text), ['✔ connect volume data-1 0.00 s', '… connect volume data-2'])
    await clock.advance(3000)
    assert.deepEqual(onScreen(output.text).at(-1), '… connect volume data-2 3 s')
    progress.observer(event(2, { state: 'done', change: 'made', ms: 3004 }))
    assert.deepEqual(onScreen(output.text), ['✔ connect volume data-1 0.00 s', '✔ connect volume data-2 3.00 s', ''])
  })

  it('stays within the line, and stops drawing at the end', async () => {
    const { progress, output, clock } = printer({ live: true })
    for (let step = 1; step < 9; step++) progress.observer(event(step, { state: 'started' }))
    assert.equal(onScreen(output.text)[0]?.length, 59)
    progress.settle()
    const before = output.text
    await clock.advance(10_000)
    assert.equal(output.text, before)
  })
})

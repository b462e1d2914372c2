import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { PLANTS } from './plants/plants.ts'

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

const LIMIT_MS = 120_000

/** Exit code and output of an exploration with a defect planted. */
const explore = (plant: string, ...args: readonly string[]): Promise<{ code: unknown; output: string }> =>
  new Promise(resolve => {
    const env = { ...process.env, CRASH_PLANT: plant, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined }
    const argv = ['--import', pathOf('plants/hooks.ts'), pathOf('main.ts'), ...args]
    execFile(process.execPath, argv, { env, timeout: LIMIT_MS, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, output: stdout + stderr }),
    )
  })

describe('a defect is found:', () => {
  for (const { name, operation, mechanism, told } of PLANTS) {
    it(name, async () => {
      const { code, output } = await explore(name, '--only', operation, '--mechanism', mechanism)
      assert.equal(code, 1, output)
      assert.match(output, told)
      assert.match(output, /VIOLATED/)
    })
  }
})

describe('a violation', () => {
  const [plant] = PLANTS.filter(({ name }) => name === 'the way back of an attach keeps the attachment')

  it('is replayed by the command that is told with it, and by that alone', async () => {
    assert.ok(plant)
    const { output } = await explore(plant.name, '--only', plant.operation, '--mechanism', plant.mechanism)
    const [, point = ''] =
      /again: npm run crash -- --only 'attach, live' --mechanism plain --point (\S+)/.exec(output) ?? []
    const again = await explore(plant.name, '--only', plant.operation, '--mechanism', plant.mechanism, '--point', point)
    assert.equal(again.code, 1, again.output)
    assert.match(again.output, plant.told)
    const early = await explore(
      plant.name,
      '--only',
      plant.operation,
      '--mechanism',
      plant.mechanism,
      '--point',
      '1:before:kill',
    )
    assert.equal(early.code, 0, early.output)
  })
})

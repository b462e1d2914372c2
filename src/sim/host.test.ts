import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import { hostFilesConformance } from '#src/host/files-conformance.ts'
import { createSimHost } from './host.ts'
import { World } from './world.ts'

hostFilesConformance('simulated', async () => {
  const world = new World()
  world.addFile('/state', { kind: 'directory' })
  return { files: createSimHost(world).files, folder: '/state', [Symbol.asyncDispose]: async () => {} }
})

it('the simulated host has the tools that it is given, and no other', async () => {
  const answer = { exitCode: 0, stdout: 'x', stderr: '' }
  const host = createSimHost(new World(), { losetup: async () => answer })
  assert.deepEqual(await host.run({ tool: 'losetup', args: [] }), answer)
  await assert.rejects(host.run({ tool: 'ip', args: [] }), error => hasCode(error, 'command-missing'))
})

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

const BIN = fileURLToPath(new URL('../../bin/holdfast.mjs', import.meta.url))

let folder: string
let env: NodeJS.ProcessEnv
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-process-'))
  env = { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') }
})
after(() => rm(folder, { recursive: true }))

const run = (args: readonly string[], options: { bin?: string; node?: readonly string[] } = {}) =>
  spawnSync(process.execPath, [...(options.node ?? []), options.bin ?? BIN, ...args], {
    env,
    cwd: folder,
    encoding: 'utf8',
  })

describe('the program', () => {
  it('runs from any folder, and by a link', async () => {
    assert.match(run(['--version']).stdout, /^holdfast \d/)
    const link = join(folder, 'holdfast')
    await symlink(BIN, link)
    assert.match(run(['--version'], { bin: link }).stdout, /^holdfast \d/)
  })

  it('ends with the code of the failure, and no stack', () => {
    const { status, stderr, stdout } = run(['volume', 'lst'])
    assert.equal(status, 2)
    assert.equal(stdout, '')
    assert.match(stderr, /^error: unknown command 'lst'\nhint: /)
  })

  it('takes no harm when nobody reads', async () => {
    const child = spawn(process.execPath, [BIN, '--help'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    const code = await new Promise(resolve => child.on('close', resolve))
    assert.equal(stderr, '')
    assert.equal(code, 0)
  })

  it('loads for a command only what that needs', () => {
    const spy = `data:text/javascript,${encodeURIComponent(
      `import { registerHooks } from 'node:module'; import { writeSync } from 'node:fs'
       registerHooks({ load(url, context, next) { writeSync(2, url + '\\n'); return next(url, context) } })`,
    )}`
    const { stderr } = run(['volume', 'list', '--help'], { node: ['--import', spy] })
    const root = pathToFileURL(join(BIN, '../..')).href
    const loaded = stderr
      .split('\n')
      .filter(url => url.startsWith(root))
      .map(url => url.slice(root.length + 1))
    assert.ok(loaded.includes('src/cli/commands/volume-list.ts'), stderr)
    assert.deepEqual(
      loaded.filter(path => path.startsWith('src/cli/commands/')),
      ['src/cli/commands/volume-list.ts'],
    )
    assert.deepEqual(
      loaded.filter(path => /node_modules\/(?!commander)|src\/(index|composition)/.test(path)),
      [],
    )
  })
})

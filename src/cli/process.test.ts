import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFile, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
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

describe('the program in the hands of a shell', { timeout: 30_000 }, () => {
  const children: ChildProcess[] = []
  after(() => {
    for (const child of children) child.kill('SIGKILL')
  })

  const FAKE = new URL('./testing/use-fake-face.ts', import.meta.url).href

  /** Starts it on a fake library; `said` resolves once stderr or stdout has this text. */
  function start(args: readonly string[], more: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, ['--import', FAKE, BIN, ...args], { env: { ...env, ...more } })
    children.push(child)
    const output = { stdout: '', stderr: '' }
    const ended = new Promise<{ code: number | null; signal: string | null }>(resolve => {
      child.on('exit', (code, signal) => resolve({ code, signal }))
    })
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', chunk => {
        output[name] += chunk
      })
    }
    const said = (name: 'stdout' | 'stderr', text: string) =>
      new Promise<void>(resolve => {
        const look = () => output[name].includes(text) && resolve()
        child[name].on('data', look)
        look()
      })
    return { child, output, ended, said }
  }

  it('takes no harm when nobody reads any more', async () => {
    const log = join(folder, 'console.log')
    await writeFile(log, 'booting\n')
    const { child, output, ended, said } = start(['instance', 'console', 'web-1', '--follow'], {
      FAKE_CONSOLE_LOG: log,
    })
    await said('stdout', 'booting')
    child.stdout.destroy()
    await appendFile(log, 'nobody reads this\n')
    assert.deepEqual(await ended, { code: 0, signal: null })
    assert.equal(output.stderr, '')
  })

  it('stops cleanly at the first Ctrl-C', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const { child, output, ended, said } = start(['instance', 'start', 'web-1'])
      await said('stderr', 'begun')
      child.kill(signal)
      assert.deepEqual(await ended, { code, signal: null })
      assert.match(output.stderr, /stopping: what was begun[\s\S]*error: stopped by/)
    }
  })

  it('ends at once at the second', async () => {
    const { child, ended, said } = start(['instance', 'start', 'web-1'], { FAKE_DEAF: '1' })
    await said('stderr', 'begun')
    child.kill('SIGINT')
    await said('stderr', 'Ctrl-C again')
    child.kill('SIGINT')
    assert.deepEqual(await ended, { code: null, signal: 'SIGINT' })
  })
})

describe('a question on a real terminal', { timeout: 30_000 }, () => {
  const FAKE = new URL('./testing/use-fake-face.ts', import.meta.url).href

  /** Types this once the question stands there; `script` is the terminal. Gives the exit code and what stood on it. */
  async function answer(typed: string): Promise<{ readonly code: number | null; readonly shown: string }> {
    const words = [process.execPath, '--import', FAKE, BIN, 'host', 'check', '--fix', '--no-color']
    const child = spawn('script', ['-qec', words.join(' '), '/dev/null'], { env: { ...env, TERM: 'dumb' } })
    let shown = ''
    child.stdout.on('data', chunk => {
      const before = shown.includes('[y/N] ')
      shown += chunk
      if (!before && shown.includes('[y/N] ')) child.stdin.write(typed)
    })
    const code = await new Promise<number | null>(resolve => {
      child.on('close', resolve)
    })
    return { code, shown: shown.replaceAll('\r', '') }
  }

  it('is answered by what is typed', async () => {
    const yes = await answer('y\n')
    assert.equal(yes.code, 0, yes.shown)
    assert.match(yes.shown, /detach \/dev\/loop3\ndo it\? \[y\/N\] y\n✔ fixed: loop device/)
    const no = await answer('no\n')
    assert.equal(no.code, 22)
    assert.match(no.shown, /note: nothing was done\n/)
  })

  it('is a no if the input ends, and ends with Ctrl-C', async () => {
    const end = await answer('\u0004')
    assert.equal(end.code, 22)
    assert.match(end.shown, /note: nothing was done\n/)
    const stop = await answer('\u0003')
    assert.equal(stop.code, 130)
    assert.match(stop.shown, /error: stopped by SIGINT/)
    assert.doesNotMatch(stop.shown, /fixed/)
  })
})

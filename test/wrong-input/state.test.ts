import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Bench, CLONE, NAMESPACE, needsRoot } from './bench.ts'

const HOLDER = fileURLToPath(new URL('./hold-state.ts', import.meta.url))
const CREATE = ['volume', 'create', '--size', '1', 'more']

async function withVolume(): Promise<Bench> {
  const bench = await Bench.open()
  await bench.make('volume', 'create', '--size', '1', 'data')
  await bench.ok('instance', 'list')
  return bench
}

describe('a state directory that cannot be written', () => {
  it('on a file system that is read-only: told so, and queries still answer', needsRoot, async () => {
    await using bench = await withVolume()
    const readOnly = bench.with({ prefix: [NAMESPACE, 'read-only', bench.folder, '--'] })
    for (const args of [CREATE, ['volume', 'delete', 'data'], ['instance', 'start', 'x']])
      await readOnly.refuses(args, { code: 'read-only', exit: 8, says: [bench.state, /read-only/] })
    const auto = readOnly.with({ env: { HOLDFAST_DOMAIN_TYPE: 'auto' } })
    for (const args of [
      ['volume', 'list'],
      ['volume', 'show', 'data'],
      ['volume', 'delete', 'data', '--dry-run'],
    ]) {
      const { code, stdout, stderr } = await readOnly.run(...args)
      assert.equal(code, 0, stderr)
      assert.match(stdout, /data/)
    }
    for (const noun of ['instance', 'operation']) assert.equal((await auto.run(noun, 'list')).code, 0)
  })

  it('by another user: told so, with what to do', needsRoot, async () => {
    await using bench = await withVolume()
    await chmod(bench.folder, 0o755)
    // What only root may reach is shown to the other user elsewhere.
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    const env = { HOME: '/nonexistent', NODE_COMPILE_CACHE: '' }
    const other = bench.with({ env, program: '/mnt', prefix: [NAMESPACE, 'show', CLONE, '/mnt', '--', ...nobody] })
    const before = await bench.picture()
    const refusal = { code: 'forbidden', exit: 8, says: [bench.state], hint: /root|user that owns/ }
    await other.fails(CREATE, refusal)
    await other.fails(['volume', 'list'], refusal)
    await other.fails(['volume', 'show', 'data'], refusal)
    assert.deepEqual(await bench.picture(), before)
  })

  it('where there is none yet: queries find nothing and make nothing', async () => {
    await using bench = await Bench.open({ env: { HOLDFAST_DOMAIN_TYPE: 'auto' } })
    for (const noun of ['volume', 'snapshot', 'instance', 'operation'])
      assert.deepEqual(await bench.ok<unknown[]>(noun, 'list'), [])
    assert.deepEqual(await readdir(bench.folder), [])
  })

  it('where a file is in its place', async () => {
    await using bench = await Bench.open()
    await writeFile(bench.state, 'mine')
    await bench.fails(CREATE, { code: 'conflict', exit: 4, says: [bench.state] })
    assert.equal(await readFile(bench.state, 'utf8'), 'mine')
  })
})

describe('a state of another version, or none', () => {
  const change = (path: string, sql: string) => {
    const db = new DatabaseSync(path)
    db.exec(sql)
    db.close()
  }

  for (const [name, args] of [
    ['volumes/volumes.db', CREATE],
    ['volumes/volumes.db', ['volume', 'list']],
    ['holdfast.db', ['instance', 'list']],
    ['holdfast.db', ['instance', 'delete', 'x']],
  ] as const) {
    it(`${name} of a newer Holdfast is not touched by ${args.slice(0, 2).join(' ')}`, async () => {
      await using bench = await withVolume()
      await bench.run('instance', 'start', 'x')
      const path = join(bench.state, name)
      change(path, 'PRAGMA user_version = 99')
      const refusal = { code: 'state-newer', exit: 10, says: [path, /schema 99, this one knows \d/], hint: /upgrade/ }
      await bench.refuses(args, refusal)
    })

    it(`${name} that is no database, or another's, is not touched by ${args.slice(0, 2).join(' ')}`, async () => {
      await using bench = await withVolume()
      const path = join(bench.state, name)
      await mkdir(join(bench.folder, 'kept'))
      const refuses = async () => {
        const kept = await readFile(path)
        await bench.fails(args, { code: 'state-corrupt', exit: 15, says: [path], hint: /./ })
        assert.deepEqual(await readFile(path), kept)
      }
      await writeFile(path, 'this was never a database'.repeat(100))
      await refuses()
      await writeFile(path, '')
      change(path, 'CREATE TABLE shopping (item TEXT)')
      await refuses()
    })
  }
})

describe('two processes on one state directory', () => {
  it('the second is told who holds it; queries go on; when the first has died, it works', async () => {
    await using bench = await withVolume()
    const holder = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', HOLDER, bench.state], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(holder.stdout, 'data')
    const held = { code: 'state-locked', exit: 12, says: [bench.state, `process ${holder.pid} (`], hint: /try again/ }
    const outside = bench.with({ prefix: ['env'] })
    for (const args of [CREATE, ['volume', 'delete', 'data'], ['instance', 'start', 'x'], ['operation', 'resume', 'x']])
      await outside.refuses(args, held)
    for (const args of [
      ['volume', 'list'],
      ['volume', 'show', 'data'],
      ['instance', 'list'],
      ['operation', 'list'],
    ])
      assert.equal((await outside.run(...args)).code, 0, args.join(' '))
    assert.equal((await outside.run('volume', 'delete', 'data', '--dry-run')).code, 0)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    await outside.ok(...CREATE)
  })
})

describe('a configuration that is wrong', () => {
  it('is refused with the file and the line, and nothing is made', async () => {
    await using bench = await Bench.open()
    const path = join(bench.folder, 'wrong.yaml')
    const says = async (text: string, ...says: RegExp[]) => {
      await writeFile(path, text)
      await bench.refuses([...CREATE, '--config', path], { code: 'config-invalid', exit: 2, says: [path, ...says] })
    }
    await says('quotas:\n  volumes: many\n', /quotas\.volumes/)
    await says('availabilty_zone: nova\n', /availabilty_zone/)
    await says('- [', /:1|line 1/)
    await copyFile('/dev/null', join(bench.folder, 'x'))
  })
})

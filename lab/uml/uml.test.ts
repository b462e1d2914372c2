import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { quoted } from './control.ts'
import { CLONE, runInUml } from './uml.ts'

describe('a lab guest', { timeout: 240_000 }, () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-lab-test-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  test('gives back exit code, stdout and stderr apart, and arguments and environment as they were', async () => {
    const odd = `a 'quoted' "word" with $dollar and\nnewline`
    const script = `printf '%s|' "$1" "$ODD" "$HOLDFAST_LAB" "$PWD"; printf oops >&2; exit 42`

    const result = await runInUml({ argv: ['sh', '-c', script, 'sh', odd], env: { ODD: odd } })

    assert.deepEqual(
      { exitCode: result.exitCode, ended: result.ended, stdout: result.stdout, stderr: result.stderr },
      { exitCode: 42, ended: 'by-itself', stdout: `${odd}|${odd}|uml|${CLONE}|`, stderr: 'oops' },
    )
  })

  test('hands out much output whole', async () => {
    const result = await runInUml({ argv: ['seq', '-w', '20000'] })

    const lines = result.stdout.split('\n')
    assert.equal(lines.length, 20_001)
    assert.equal(lines[12_345], '12346')
  })

  test('writes to the host nowhere but in its results folder', async () => {
    const resultsDir = join(folder, 'results with space')
    const mark = join(folder, 'mark')
    await writeFile(mark, 'host')
    const script = `set -e; echo guest > ${quoted(mark)}; rm /etc/hostname; mkdir /root/from-guest; echo kept > /results/file`

    const result = await runInUml({ script, resultsDir })

    assert.equal(result.stderr, '')
    assert.equal(result.exitCode, 0)
    assert.equal(await readFile(mark, 'utf8'), 'host')
    await access('/etc/hostname')
    await assert.rejects(access('/root/from-guest'))
    assert.equal(await readFile(join(resultsDir, 'file'), 'utf8'), 'kept\n')
  })

  test('has a host file as a disk', async () => {
    const disk = join(folder, 'disk')
    await writeFile(disk, Buffer.alloc(1 << 20))

    const script = 'blockdev --getsize64 /dev/ubda; printf written | dd of=/dev/ubda conv=fsync status=none'
    const result = await runInUml({ script, disks: [disk] })

    assert.equal(result.stdout, `${1 << 20}\n`)
    assert.equal((await readFile(disk)).toString('utf8', 0, 7), 'written')
  })

  test('is killed at its time limit, with all that belongs to it', async () => {
    const result = await runInUml({ argv: ['sleep', 'infinity'], timeoutMs: 4000 })

    assert.deepEqual([result.exitCode, result.ended], [124, 'time-limit'])
  })

  test('that panics is told from one that exits', async () => {
    const result = await runInUml({ script: 'echo c > /proc/sysrq-trigger', timeoutMs: 30_000 })

    assert.deepEqual([result.exitCode, result.ended], [125, 'guest-died'])
    assert.match(result.console, /sysrq triggered crash/i)
  })

  test('dies with the process that started it', { timeout: 30_000 }, async t => {
    const program = `import { runInUml } from ${JSON.stringify(fileURLToPath(new URL('./uml.ts', import.meta.url)))}
      await runInUml({ script: 'echo up; sleep infinity', live: { stdout: process.stdout, stderr: process.stderr } })`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: folder },
    })
    await once(parent.stdout, 'data')
    const guests = await processesNaming(folder)
    assert.notEqual(guests.length, 0)

    parent.kill('SIGKILL')
    await once(parent, 'close')

    while ((await processesNaming(folder)).length > 0) {
      t.signal.throwIfAborted()
      await new Promise(resolve => setImmediate(resolve))
    }
  })
})

/** Processes of which the command line names this path, but for node. */
async function processesNaming(path: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter(line => line.includes(path) && line.includes('linux.uml'))
}

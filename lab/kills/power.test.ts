import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { runInUml } from '../uml/uml.ts'

const run = promisify(execFile)

const WRITE = `
set -e
mkdir -p /srv/disk && mount /dev/ubda /srv/disk && cd /srv/disk
printf 'synced text' > synced && sync synced . && printf 'unsynced text' > unsynced
printf 'overwritten text' | dd of=old conv=notrunc status=none
echo ready
sleep infinity
`

const READ = `
mkdir -p /srv/disk && mount /dev/ubda /srv/disk && cd /srv/disk
cat synced; echo; cat unsynced 2>/dev/null; echo; cat old
`

/**
 * What a cut takes away. The guest's ubd driver writes to a file of this machine, whose page cache a cut of the guest leaves
 * alone: all that the guest has handed to its disk is there afterwards, synced or not. What it has not handed over, which is all
 * that it keeps in its own page cache, is lost with it. So a cut here is that of a disk without a volatile cache of its own.
 */
describe('a guest that is killed outright', { timeout: 120_000 }, () => {
  let folder: string
  let disk: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-power-'))
    disk = join(folder, 'disk')
    const files = join(folder, 'files')
    await run('mkdir', [files])
    await writeFile(join(files, 'old'), 'as it was before')
    await writeFile(disk, '')
    await truncate(disk, 64 << 20)
    await run('mke2fs', ['-q', '-t', 'ext4', '-d', files, disk])
  })
  after(() => rm(folder, { recursive: true, force: true }))

  test('loses what it had not synced, and keeps what it had', async () => {
    const power = new AbortController()
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (chunk.includes('ready')) power.abort()
        done()
      },
    })

    await runInUml({ script: WRITE, disks: [disk], signal: power.signal, live: { stdout, stderr: process.stderr } })

    assert.equal(power.signal.aborted, true)
    const raw = await readFile(disk)
    assert.deepEqual(
      ['synced text', 'overwritten text'].map(text => raw.includes(text)),
      [true, false],
    )
    const { stdout: found } = await runInUml({ script: READ, disks: [disk] })
    assert.deepEqual(found.split('\n'), ['synced text', '', 'as it was before'])
  })
})

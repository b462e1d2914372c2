import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { access, realpath, truncate, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const output = async (program: string, ...args: string[]) => (await run(program, args)).stdout.trim()

test('the lab guest has what the tests in it count on: root, Node 24, loop devices, dm-crypt and udev links', async t => {
  await writeFile('/dev/shm/backing', '')
  await truncate('/dev/shm/backing', 16 << 20)
  const loop = await output('losetup', '--find', '--show', '/dev/shm/backing')
  t.after(() => run('losetup', ['--detach', loop]))
  const sectors = await output('blockdev', '--getsz', loop)
  const table = `0 ${sectors} crypt aes-xts-plain64 ${'11'.repeat(32)} 0 ${loop} 0`

  await run('dmsetup', ['create', 'lab-raw', '--uuid', 'CRYPT-PLAIN-lab-raw', '--table', table])
  t.after(() => run('dmsetup', ['remove', 'lab-raw']))
  await run('udevadm', ['settle', '--timeout=30'])

  assert.equal(process.getuid?.(), 0)
  assert.equal(process.versions.node.split('.')[0], '24')
  assert.equal(process.env.HOLDFAST_LAB, 'uml')
  await access('/dev/mapper/lab-raw')
  assert.match(await realpath('/dev/disk/by-id/dm-uuid-CRYPT-PLAIN-lab-raw'), /^\/dev\/dm-\d+$/)
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { writeCpio } from './cpio.ts'

const archive = writeCpio([
  { kind: 'directory', path: 'bin' },
  { kind: 'file', path: 'bin/odd', content: Buffer.from('12345'), mode: 0o755 },
  { kind: 'symlink', path: 'bin/link', target: 'odd' },
  { kind: 'device', path: 'console', major: 5, minor: 1 },
])

test('the archive is one that cpio itself lists, with modes, sizes, targets and device numbers', () => {
  const listing = spawnSync('cpio', ['--list', '--verbose', '--numeric-uid-gid', '--quiet'], {
    input: archive,
    encoding: 'utf8',
  })

  assert.equal(listing.stderr, '')
  assert.equal(listing.status, 0)
  const lines = listing.stdout.trimEnd().split('\n')
  assert.match(lines[0] ?? '', /^drwxr-xr-x .* bin$/)
  assert.match(lines[1] ?? '', /^-rwxr-xr-x\s+1 0\s+0\s+5 .* bin\/odd$/)
  assert.match(lines[2] ?? '', /^lrwxrwxrwx .* bin\/link -> odd$/)
  assert.match(lines[3] ?? '', /^crw------- .*5,\s+1 .* console$/)
})

test('content comes back as it went in', () => {
  const found = spawnSync('cpio', ['--extract', '--to-stdout', '--quiet', 'bin/odd'], {
    input: archive,
    encoding: 'utf8',
  })

  assert.equal(found.stdout, '12345')
})

test('every record starts at a multiple of four', () => {
  const text = archive.toString('latin1')
  const starts = [...text.matchAll(/070701[0-9a-f]{104}/g)].map(match => match.index)

  assert.equal(starts.length, 5)
  assert.deepEqual(
    starts.filter(start => start % 4 !== 0),
    [],
  )
})

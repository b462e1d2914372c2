import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Context, code, LONG, running, summary, wanted } from './conformance-fixture.ts'

/** Things that are not there, or are another's. */
export function failureCases(context: Context): void {
  const { hypervisor, fixture } = context

  it('does not start a domain whose disk is gone, and leaves it off', async () => {
    const disk = await fixture().disk('vda')
    const spec = { ...fixture().spec(), disks: [disk] }
    await hypervisor().define(spec)
    await fixture().removeFile(disk)
    await assert.rejects(hypervisor().start(spec.id), code('hypervisor-error'))
    assert.equal((await hypervisor().observe(spec.id))?.state, 'shutoff')
    await assert.rejects(hypervisor().waitRunning(spec.id, LONG), code('domain-not-running'))
  })

  it('starts a domain that QEMU decrypts for only while its secret is there', async () => {
    const disk = await fixture().disk('vda', { native: true })
    const secret = disk.source.secretUuid as string
    const spec = { ...fixture().spec(), disks: [disk] }
    await hypervisor().define(spec)
    await assert.rejects(hypervisor().start(spec.id), code('hypervisor-error'))
    await fixture().defineSecret(secret)
    assert.equal(await hypervisor().start(spec.id), 'made')
    await fixture().undefineSecret(secret)
    assert.equal((await hypervisor().observe(spec.id))?.state, 'running')
  })

  it('leaves neither configuration with a disk that the guest could not get', async () => {
    const disk = await fixture().disk('vda')
    const { id } = await running(context, [disk])
    const gone = await fixture().disk('vdb')
    await fixture().removeFile(gone)
    await assert.rejects(hypervisor().present(id, gone, LONG), code('hypervisor-error'))
    const facts = await hypervisor().observe(id)
    assert.deepEqual(summary(facts?.liveDisks ?? []), wanted([disk]))
    assert.deepEqual(summary(facts?.persistentDisks ?? []), wanted([disk]))
  })

  it('touches no domain of somebody else', async () => {
    const spec = fixture().spec()
    await fixture().defineForeign(spec.id, spec.name)
    assert.equal((await hypervisor().observe(spec.id))?.ours, false)
    assert.equal((await hypervisor().list()).length, 1)
    const disk = await fixture().disk('vda')
    const foreign = code('domain-foreign')
    await assert.rejects(hypervisor().check(spec), foreign)
    await assert.rejects(hypervisor().define(spec), foreign)
    await assert.rejects(hypervisor().start(spec.id), foreign)
    await assert.rejects(hypervisor().shutdown(spec.id, LONG), foreign)
    await assert.rejects(hypervisor().destroy(spec.id, LONG), foreign)
    await assert.rejects(hypervisor().undefine(spec.id, { forget: true }), foreign)
    await assert.rejects(hypervisor().present(spec.id, disk, LONG), foreign)
    await assert.rejects(hypervisor().withdraw(spec.id, disk.volumeId, LONG), foreign)
    assert.deepEqual((await hypervisor().observe(spec.id))?.persistentDisks, [])
  })

  it('takes no name that somebody else has', async () => {
    const [spec, other] = [fixture().spec(), fixture().spec()]
    await fixture().defineForeign(other.id, spec.name)
    await assert.rejects(hypervisor().check(spec), code('domain-foreign'))
    await assert.rejects(hypervisor().define(spec), code('domain-foreign'))
    assert.equal(await hypervisor().observe(spec.id), undefined)
  })

  it('finds in advance what is missing', async () => {
    const spec = fixture().spec()
    const disk = await fixture().disk('vda')
    const missing = '/nonexistent/file'
    await fixture().removeFile(disk)
    await assert.rejects(hypervisor().check({ ...spec, disks: [disk] }), code('file-not-found'))
    await assert.rejects(hypervisor().check({ ...spec, kernel: { image: missing } }), code('file-not-found'))
    const nic = { portId: spec.id, mac: '52:54:00:00:00:01', bridge: 'br-nowhere', tap: 'tap-nowhere' }
    await assert.rejects(hypervisor().check({ ...spec, interfaces: [nic] }), code('bridge-not-found'))
  })

  it('puts no line break and no control character into a domain', async () => {
    const spec = fixture().spec()
    for (const append of ['a\nb', 'a\u0000b', 'a\u001b[31m']) {
      await assert.rejects(
        hypervisor().define({ ...spec, kernel: { image: '/boot/vmlinuz', append } }),
        code('invalid-text'),
      )
    }
    assert.equal(await hypervisor().observe(spec.id), undefined)
  })
}

/** libvirt goes away and comes back. */
export function awayCases(context: Context): void {
  const { hypervisor, fixture } = context

  it('says that libvirt is away, and goes on when it is back', async () => {
    const { id } = await running(context)
    await fixture().stopLibvirt()
    const away = code('hypervisor-unavailable')
    await assert.rejects(hypervisor().observe(id), away)
    await assert.rejects(hypervisor().check(fixture().spec()), away)
    await assert.rejects(hypervisor().destroy(id, { deadlineMs: 600 }), away)
    await fixture().startLibvirt()
    assert.equal((await hypervisor().observe(id))?.state, 'running')
    assert.equal(await hypervisor().destroy(id, LONG), 'made')
  })

  it('goes on waiting for a guest while libvirt is restarted', async () => {
    const { id } = await running(context)
    const waiting = hypervisor().shutdown(id, LONG)
    await fixture().stopLibvirt()
    await fixture().powerOff(id)
    await fixture().startLibvirt()
    assert.match(await waiting, /^(made|already)$/)
    assert.equal((await hypervisor().observe(id))?.state, 'shutoff')
  })
}

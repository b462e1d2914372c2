import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Lab, openstackLab } from '#lab/openstack/cloud.ts'
import { hasCode } from '#src/core/error.ts'
import type { Holdfast } from '#src/holdfast.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { GUEST_KERNEL_ARGUMENTS } from '../../tools/guest/pack-guest.ts'
import { breakHost } from '../../tools/quickstart/break-host.ts'
import { consoleSize, waitForConsoleLine } from '../../tools/quickstart/console-log.ts'
import { makeRealHost, type RealHost } from '../holdfast-life.ts'
import { type Behind, behind, imageHas } from './behind.ts'

const MARKER = 'written-to-ceph'
const BOOT_MS = 120_000

/** A volume of an encrypted type at Cinder, its data in Ceph, its key in Barbican, decrypted by QEMU for a guest that runs. */
describe('an encrypted volume of a real cloud', { timeout: 600_000 }, () => {
  let lab: Lab
  let real: RealHost
  let holdfast: Holdfast
  let cinder: Behind
  const made: string[] = []

  before(async () => {
    lab = await openstackLab()
    real = await makeRealHost({
      HOLDFAST_CLOUD: 'lab-demo',
      HOLDFAST_CLOUD_CLOUDS_FILE: lab.cloudsFile,
      HOLDFAST_SERVICE_USER_CLOUD: 'lab-nova',
      HOLDFAST_CEPH_FOLDER: dirname(lab.ceph?.keyring ?? ''),
      HOLDFAST_HOST_NAME: 'compute-1',
    })
    holdfast = await real.open()
    cinder = await behind(lab, 'demo')
  })

  after(async () => {
    for (const id of made) await holdfast?.volumes.delete(id).catch(() => {})
    await holdfast?.close()
    await real?.[Symbol.asyncDispose]()
    await lab?.stop()
  })

  const volume = async (volumeType: string) => {
    const { id } = await holdfast.volumes.create({ size: 1, name: `life-${volumeType}`, volumeType })
    made.push(id)
    assert.equal((await holdfast.volumes.settled(id))?.status, 'available')
    return id
  }
  const status = async (id: string) => (await cinder.volume(id))?.status
  const boot = () => AbortSignal.timeout(BOOT_MS)

  it('is written by a guest, survives a broken host and a hard reboot, and is given back', async t => {
    const [first, second] = [await volume('ceph-luks'), await volume('ceph-luks')]
    assert.deepEqual([await status(first), await cinder.attachments(first)], ['available', []])

    const { id } = await holdfast.instances.create({
      name: 'life',
      memoryMib: 128,
      cpus: 1,
      volumes: [{ volumeId: first }],
      kernel: {
        image: real.guest.kernel,
        initrd: real.guest.initrd,
        append: `${GUEST_KERNEL_ARGUMENTS} holdfast.write=${MARKER}`,
      },
      networks: [],
    })
    const console = await holdfast.instances.consoleLog(id)
    await waitForConsoleLine(console, 0, new RegExp(`wrote marker ${MARKER} to vda`), boot())
    const inUse = await cinder.volume(first)
    assert.deepEqual([inUse?.status, inUse?.attachments.map(row => row.server_id)], ['in-use', [id]])
    const [mapping] = (await holdfast.instances.show(id)).mappings
    assert.deepEqual(
      [mapping?.mechanism, mapping?.cloud, mapping?.generation, mapping?.connectionInfo?.driver_volume_type],
      ['native', 'lab-demo', 'attachments', 'rbd'],
    )
    assert.equal(await imageHas(lab, first, MARKER), false, 'plaintext lies in Ceph')
    assert.equal(await imageHas(lab, first, 'LUKS'), true)

    await holdfast.instances.attach(id, second)
    await waitForConsoleLine(console, 0, new RegExp(`wrote marker ${MARKER} to vdb`), boot())
    assert.equal(await status(second), 'in-use')

    const attached = await cinder.attachments(first)
    for (const line of await breakHost({ host: createNodeHost(), libvirt: real.libvirt }, id, first)) t.diagnostic(line)
    assert.equal(await status(first), 'in-use')
    const size = await consoleSize(console)
    await holdfast.instances.hardReboot(id)
    for (const disk of ['vda', 'vdb']) {
      const [line] = await waitForConsoleLine(console, size, new RegExp(`disk ${disk} .*marker=${MARKER}\\b`), boot())
      t.diagnostic(line)
    }
    assert.deepEqual([await status(first), await cinder.attachments(first)], ['in-use', attached])

    await holdfast.instances.detach(id, second)
    assert.deepEqual([await status(second), await cinder.attachments(second)], ['available', []])
    await waitForConsoleLine(console, size, /disk vdb gone/, boot())
    await holdfast.instances.stop(id)
    assert.equal(await status(first), 'in-use')
    assert.deepEqual(await real.libvirt.connect.listAllSecrets(), [], 'a stopped instance left secrets')
    await holdfast.instances.start(id)
    await holdfast.instances.delete(id)
    assert.deepEqual([await status(first), await cinder.attachments(first)], ['available', []])
    assert.deepEqual(await real.libvirt.connect.listAllDomains(), [])
    assert.deepEqual(await real.libvirt.connect.listAllSecrets(), [])
  })

  it('is given back when it cannot be attached', async () => {
    const { id } = await holdfast.instances.create({
      name: 'refused',
      memoryMib: 128,
      cpus: 1,
      volumes: [],
      kernel: { image: real.guest.kernel, initrd: real.guest.initrd, append: GUEST_KERNEL_ARGUMENTS },
      networks: [],
    })
    const iscsi = await volume('lab')
    await assert.rejects(holdfast.instances.attach(id, iscsi), error => hasCode(error, 'connector-unsupported'))
    assert.deepEqual([await status(iscsi), await cinder.attachments(iscsi)], ['available', []])
    await holdfast.instances.delete(id)
  })
})

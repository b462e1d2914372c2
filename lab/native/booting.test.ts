import assert from 'node:assert/strict'
import { it } from 'node:test'
import { GUEST_KERNEL_ARGUMENTS } from '../../tools/guest/pack-guest.ts'
import { makeRealHost } from '../holdfast-life.ts'

/** Firmware and a kernel that is not up yet hear no request to let go of a disk; the guest is asked again. */
it('a disk is detached from a guest that was still booting when it was asked', { timeout: 150_000 }, async () => {
  await using real = await makeRealHost()
  await using holdfast = await real.open()
  const [first, second] = [await holdfast.volumes.create({ size: 1 }), await holdfast.volumes.create({ size: 1 })]
  const { kernel: image, initrd } = real.guest
  const { id } = await holdfast.instances.create({
    name: 'web',
    memoryMib: 128,
    cpus: 1,
    volumes: [{ volumeId: first.id }, { volumeId: second.id }],
    kernel: { image, initrd, append: GUEST_KERNEL_ARGUMENTS },
    networks: [],
  })

  await holdfast.instances.detach(id, second.id)

  assert.equal((await holdfast.volumes.get(second.id)).status, 'available')
  const { mappings } = await holdfast.instances.show(id)
  assert.deepEqual(
    mappings.map(mapping => mapping.volumeId),
    [first.id],
  )
})

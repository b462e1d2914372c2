import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadOrder } from './modules.ts'

const MODULES_DEP = `kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio_pci_modern_dev.ko kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio_ring.ko:
kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio_pci_modern_dev.ko:
kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/crypto/dm-crypt.ko.xz:
`
const names = (paths: readonly string[]) => paths.map(path => path.split('/').at(-1))

test('each module comes after all that it needs, and once', () => {
  const order = names(loadOrder(MODULES_DEP, ['virtio_blk', 'virtio_pci']))

  assert.deepEqual(order, ['virtio_ring.ko', 'virtio.ko', 'virtio_blk.ko', 'virtio_pci_modern_dev.ko', 'virtio_pci.ko'])
})

test('dash and underscore are the same letter, and a compressed module is found', () => {
  assert.deepEqual(names(loadOrder(MODULES_DEP, ['dm_crypt'])), ['dm-crypt.ko.xz'])
})

test('what is built in needs no loading', () => {
  assert.deepEqual(loadOrder(MODULES_DEP, ['evdev']), [])
})

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type GuestImage, packGuest } from './pack-guest.ts'
import { type BootedGuest, bootGuest } from './test-guest.ts'

const DEADLINE_MS = 120_000
const DISK_BYTES = 8 << 20
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('the demonstration guest', { timeout: DEADLINE_MS }, () => {
  let folder: string
  let image: GuestImage
  const guests: BootedGuest[] = []

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-guest-'))
    image = await packGuest({ outDir: join(folder, 'image') })
  })
  after(async () => {
    await Promise.all(guests.map(guest => guest.kill()))
    await rm(folder, { recursive: true, force: true })
  })

  const newDisk = async (name: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, '')
    await truncate(path, DISK_BYTES)
    return path
  }
  const boot = async (disks: Readonly<Record<string, string>>, words: string): Promise<BootedGuest> => {
    const guest = await bootGuest({ image, disks, words, socket: join(folder, `monitor-${guests.length}`) })
    guests.push(guest)
    return guest
  }

  test('packing again changes nothing and leaves no parts behind', async () => {
    const before = await stat(image.initrd)

    const again = await packGuest({ outDir: join(folder, 'image') })

    assert.deepEqual(again, image)
    assert.equal((await stat(image.initrd)).mtimeMs, before.mtimeMs)
    assert.equal((await readdir(join(folder, 'image'))).length, 2)
  })

  test('a marker written in one life is there in the next, with holdfast.once the guest ends by itself', async () => {
    const disk = await newDisk('kept')

    const first = await boot({ 'volume-0123456789abcdef': disk }, 'holdfast.once holdfast.write=salt-7')
    await first.line('disk vda serial=volume-0123456789abc marker=none')
    await first.line('wrote marker salt-7 to vda')
    assert.equal(await first.ended, 0)
    const second = await boot({ 'volume-0123456789abcdef': disk }, 'holdfast.once holdfast.write=other')
    await second.line('disk vda serial=volume-0123456789abc marker=salt-7')
    assert.equal(await second.ended, 0)

    assert.ok(!second.lines.some(line => line.includes('wrote marker')))
    assert.ok((await readFile(disk)).includes('salt-7'))
  })

  test('a guest that only looks writes nothing', async () => {
    const disk = await newDisk('untouched')
    const empty = sha(await readFile(disk))

    const guest = await boot({ plain: disk }, 'holdfast.once')
    await guest.line('disk vda serial=plain marker=none')
    await guest.ended

    assert.equal(sha(await readFile(disk)), empty)
  })

  test('foreign bytes where the marker would be are no marker', async () => {
    const disk = await newDisk('foreign')
    const file = await open(disk, 'r+')
    await file.write(Buffer.from('holdfast-marker: cut short\0\xff'), 0, 28, 1 << 20)
    await file.close()

    const guest = await boot({ foreign: disk }, 'holdfast.once')

    await guest.line('disk vda serial=foreign marker=none')
    await guest.ended
  })

  test('disks come and go while it runs, and the power button ends it', async () => {
    const disk = await newDisk('plugged')
    const guest = await boot({}, '')
    await guest.line('ready')

    await guest.monitor('blockdev-add', { driver: 'raw', 'node-name': 'n1', file: { driver: 'file', filename: disk } })
    await guest.monitor('device_add', { driver: 'virtio-blk-pci', drive: 'n1', id: 'd1', serial: 'plugged' })
    await guest.line('disk vda serial=plugged marker=none')
    await guest.monitor('device_del', { id: 'd1' })
    await guest.line('disk vda gone')
    await guest.monitor('system_powerdown')

    await guest.line('power button, powering off')
    assert.equal(await guest.ended, 0)
  })
})

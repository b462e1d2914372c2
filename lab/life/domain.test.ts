import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { GUEST_KERNEL_ARGUMENTS, type GuestImage, packGuest } from '../../tools/guest/pack-guest.ts'
import { startPrivateLibvirtd } from '../libvirtd.ts'

const run = promisify(execFile)
const MARKER = 'written-by-the-guest'

test('libvirt in the lab starts a domain that writes through dm-crypt', { timeout: 300_000 }, async t => {
  const folder = await mkdtemp('/tmp/life-')
  t.after(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o711)
  const { loop, mapping } = await encryptedDisk(join('/dev/shm', 'life-disk'))
  t.after(() => run('losetup', ['--detach', loop]))
  const libvirtd = await startPrivateLibvirtd({ dir: await mkdtemp('/tmp/lv-') })
  t.after(() => libvirtd.stop())
  const virsh = ['--connect', `qemu:///system?socket=${libvirtd.socketPath}`]
  const serial = join(folder, 'serial.log')
  const image = await packGuest({ outDir: join(folder, 'image') })
  await writeFile(join(folder, 'domain.xml'), domainXml(image, serial, mapping))

  await run('virsh', [...virsh, 'create', join(folder, 'domain.xml')])

  await lineIn(serial, `holdfast-guest: wrote marker ${MARKER} to vda`)
  await lineIn(serial, 'holdfast-guest: report is done, powering off')
  await gone(() => run('virsh', [...virsh, 'domid', 'life']))
  assert.ok((await firstMegabytes(mapping)).includes(MARKER))
  await run('cryptsetup', ['close', 'life'])
  assert.ok(!(await firstMegabytes(loop)).includes(MARKER))
})

async function encryptedDisk(path: string): Promise<{ loop: string; mapping: string }> {
  await writeFile(path, '')
  await truncate(path, 32 << 20)
  await writeFile('/run/life-key', 'passphrase', { mode: 0o600 })
  const loop = (await run('losetup', ['--find', '--show', path])).stdout.trim()
  const cheap = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--key-file', '/run/life-key']
  await run('cryptsetup', ['luksFormat', '--batch-mode', '--type', 'luks2', ...cheap, loop])
  await run('cryptsetup', ['open', '--type', 'luks2', '--key-file', '/run/life-key', loop, 'life'])
  return { loop, mapping: '/dev/mapper/life' }
}

const domainXml = (image: GuestImage, serial: string, disk: string) => `<domain type='qemu'>
  <name>life</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><kernel>${image.kernel}</kernel><initrd>${image.initrd}</initrd>
    <cmdline>${GUEST_KERNEL_ARGUMENTS} holdfast.once holdfast.write=${MARKER}</cmdline></os>
  <features><acpi/></features>
  <devices>
    <disk type='block' device='disk'><driver name='qemu' type='raw' cache='none'/><source dev='${disk}'/><target dev='vda' bus='virtio'/></disk>
    <serial type='file'><source path='${serial}'/></serial>
  </devices>
</domain>`

/** Waits for a line of the guest; the test's own deadline ends it. */
async function lineIn(path: string, line: string): Promise<void> {
  while (!(await readFile(path, 'utf8').catch(() => '')).includes(line)) await delay(200)
}

async function gone(look: () => Promise<unknown>): Promise<void> {
  while (
    await look().then(
      () => true,
      () => false,
    )
  )
    await delay(200)
}

async function firstMegabytes(device: string): Promise<Buffer> {
  const file = await open(device)
  try {
    const { buffer } = await file.read(Buffer.alloc(32 << 20), 0, 32 << 20, 0)
    return buffer
  } finally {
    await file.close()
  }
}

import { createHash } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type CpioEntry, writeCpio } from './cpio.ts'
import { findKernel, type KernelFiles } from './kernel-files.ts'
import { readModules } from './modules.ts'

/** Kernel and initramfs of the demonstration guest, to be given to QEMU or to libvirt's `<kernel>` and `<initrd>`. */
export interface GuestImage {
  readonly kernel: string
  readonly initrd: string
}

export interface PackOptions {
  /** Made if it is not there. Finished files stay and are used again as long as kernel, BusyBox and init are the same. */
  readonly outDir: string
  /** The newest Debian cloud kernel at hand, unless told. */
  readonly kernel?: KernelFiles
  readonly busybox?: string
}

/** Kernel arguments for a quick, quiet start with the console on the first serial port. */
export const GUEST_KERNEL_ARGUMENTS =
  'console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check random.trust_cpu=on audit=0'

/** What the guest loads: its disks' bus, and what turns a press of the power button into an event. */
const MODULES = ['virtio_pci', 'virtio_blk', 'button', 'evdev']

/**
 * Packs a small Linux guest: a kernel, and an initramfs of static BusyBox, a few modules and `init.sh`.
 *
 * Contract of the guest, line by line on its first serial port (ttyS0), each line prefixed by `holdfast-guest: `:
 * - `ready` once it runs
 * - `disk vdb serial=<20 characters at most, or none> marker=<text or none>` for each virtio disk, and for each plugged in later
 * - `wrote marker <text> to vdb` if the kernel arguments have `holdfast.write=<text>` (letters, digits, `_`, `-`) and the
 *   disk had no marker; it has been flushed and read back. `could not write to vdb` if that failed
 * - `disk vdb gone` once it has been unplugged
 * - `power button, powering off`, `ctrl-alt-del, powering off`; with `holdfast.once` among the kernel arguments
 *   `report is done, powering off` right after the first report
 *
 * It needs 128 MiB, and ACPI for the power button and for hot-plug. Runs without root.
 * @throws Error if there is no cloud kernel or no static BusyBox
 */
export async function packGuest(options: PackOptions): Promise<GuestImage> {
  const kernel = options.kernel ?? (await findKernel())
  if (kernel === undefined) throw new Error('no Debian cloud kernel here: node tools/bootstrap.mjs brings one')
  await mkdir(options.outDir, { recursive: true })
  const [kernelPath, initrdPath] = await Promise.all([
    packKernel(kernel, options.outDir),
    packInitrd(kernel, options.busybox ?? '/bin/busybox', options.outDir),
  ])
  return { kernel: kernelPath, initrd: initrdPath }
}

/** A copy, for libvirt hands the file to QEMU's user. Debian's cloud kernel is LZ4: unpacking it here would gain 0.1 s a boot. */
async function packKernel(kernel: KernelFiles, outDir: string): Promise<string> {
  const image = await readFile(kernel.image)
  const path = join(outDir, `vmlinuz-${kernel.version}-${digest(image)}`)
  return (await exists(path)) ? path : await writeOnce(path, image)
}

async function packInitrd(kernel: KernelFiles, busybox: string, outDir: string): Promise<string> {
  const [shell, init, modules] = await Promise.all([
    readFile(busybox),
    readFile(new URL('./init.sh', import.meta.url)),
    readModules(kernel.modules, MODULES),
  ])
  const archive = writeCpio(initramfs(shell, init, modules))
  const path = join(outDir, `initrd-${kernel.version}-${digest(archive)}`)
  return (await exists(path)) ? path : await writeOnce(path, gzipSync(archive, { level: 1 }))
}

function initramfs(
  busybox: Buffer,
  init: Buffer,
  modules: readonly { name: string; content: Buffer }[],
): readonly CpioEntry[] {
  const order = modules.map(module => `${module.name}\n`).join('')
  return [
    ...['bin', 'dev', 'proc', 'sys', 'modules'].map(path => ({ kind: 'directory', path }) as const),
    // The kernel opens it for PID 1 before anything is mounted.
    { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'file', path: 'bin/busybox', content: busybox, mode: 0o755 },
    { kind: 'file', path: 'init', content: init, mode: 0o755 },
    { kind: 'file', path: 'modules/order', content: Buffer.from(order) },
    ...modules.map(({ name, content }) => ({ kind: 'file', path: `modules/${name}`, content }) as const),
  ]
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex').slice(0, 12)

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined

/** Complete or not there at all, also when two processes pack at the same time. */
async function writeOnce(path: string, bytes: Buffer): Promise<string> {
  const part = `${path}.${process.pid}.part`
  try {
    const file = await open(part, 'w', 0o644)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await chmod(part, 0o644)
    await rename(part, path)
  } finally {
    await rm(part, { force: true })
  }
  return path
}

import { type HoldfastError, isHoldfastError } from '#src/core/error.ts'
import type { Host } from './host.ts'

const DEADLINE_MS = 10_000
/** What the guest writes to the exit device; QEMU then ends with `(value << 1) | 1`. */
const GUEST_SAYS = 0x2a
const PROOF = (GUEST_SAYS << 1) | 1
const EXIT_PORT = 0xf4

/**
 * Does KVM really run a guest here? `/dev/kvm` alone proves little: it may be there and fail at the first start. So a
 * boot sector of 512 bytes is run with `-accel kvm`; only the guest's own word, as QEMU's exit code, counts as yes.
 * `folder`: where the boot sector may lie for so long.
 */
export async function tryKvm(host: Host, folder: string, signal?: AbortSignal): Promise<boolean> {
  if (!(await host.files.stat('/dev/kvm'))) return false
  const image = `${folder}/kvm-try-${host.random.uuid()}.img`
  await host.files.writeAtomic(image, bootSector(), 0o600)
  try {
    const args = qemuArguments(image)
    const { exitCode } = await host.run({
      tool: 'qemu-system-x86_64',
      args,
      deadlineMs: DEADLINE_MS,
      okCodes: [PROOF],
      signal,
    })
    return exitCode === PROOF
  } catch (error) {
    if (isNo(error)) return false
    throw error
  } finally {
    await host.files.remove(image)
  }
}

/** QEMU refused, died, hung or is not there. An abort or a defect is no answer. */
const isNo = (error: unknown): error is HoldfastError =>
  isHoldfastError(error) && ['command-failed', 'command-missing', 'timeout'].includes(error.code)

const qemuArguments = (image: string): string[] => [
  ...['-accel', 'kvm', '-machine', 'pc', '-cpu', 'host', '-m', '16', '-nodefaults', '-display', 'none', '-no-reboot'],
  ...['-drive', `file=${image},format=raw,if=ide,readonly=off`],
  ...['-device', `isa-debug-exit,iobase=0x${EXIT_PORT.toString(16)},iosize=0x04`],
]

/** `mov al, GUEST_SAYS; mov dx, EXIT_PORT; out dx, al; cli; hlt; jmp $`, with the signature that a BIOS looks for. */
export function bootSector(): Uint8Array {
  const sector = new Uint8Array(512)
  sector.set([0xb0, GUEST_SAYS, 0xba, EXIT_PORT, 0x00, 0xee, 0xfa, 0xf4, 0xeb, 0xfe])
  sector.set([0x55, 0xaa], 510)
  return sector
}

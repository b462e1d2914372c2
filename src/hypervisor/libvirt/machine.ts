import { HoldfastError } from '#src/core/error.ts'
import { isLibvirtCode, type Libvirt } from '#src/libvirt/index.ts'
import { attribute, child, children, readXml, textOf } from './xml.ts'

const PACKAGE_HINT = 'install QEMU: apt-get install qemu-system-x86'
const KVM_HINT = 'KVM does not work on this host (see /dev/kvm and its permissions); guests can be emulated instead'

/**
 * The emulator that libvirt runs guests of this type with.
 * @throws HoldfastError `emulator-missing`
 */
export async function findEmulator(
  libvirt: Libvirt,
  domainType: 'kvm' | 'qemu',
  signal?: AbortSignal,
): Promise<string> {
  const query = { arch: 'x86_64', machine: 'pc', virttype: domainType }
  const xml = await ask(() => libvirt.connect.getDomainCapabilities(query, { signal }), domainType)
  const path = textOf(child(readXml("libvirt's domain capabilities", 'domainCapabilities', xml), 'path'))
  if (path?.startsWith('/')) return path
  throw emulatorMissing('libvirt names no emulator for x86_64 guests')
}

async function ask(question: () => Promise<string>, domainType: string): Promise<string> {
  try {
    return await question()
  } catch (error) {
    // What libvirt says without the emulator, and with one that lacks this way of running guests.
    if (isLibvirtCode(error, 'INVALID_ARG', 'NO_SUPPORT', 'CONFIG_UNSUPPORTED', 'OPERATION_UNSUPPORTED')) {
      const hint = /accel/.test(error.text) ? KVM_HINT : PACKAGE_HINT
      throw emulatorMissing(`libvirt cannot run x86_64 guests of type '${domainType}': ${error.text}`, error, hint)
    }
    throw error
  }
}

export const emulatorMissing = (reason: string, cause?: unknown, hint = PACKAGE_HINT): HoldfastError =>
  new HoldfastError('unsupported', 'emulator-missing', reason, { cause, details: { layer: 'presentation', hint } })

/** Whom QEMU runs as. */
export interface QemuUser {
  readonly uid: number
  readonly gid: number
}

/** From libvirt's capabilities; undefined where libvirt does not change the user. */
export async function findQemuUser(
  libvirt: Libvirt,
  domainType: 'kvm' | 'qemu',
  signal?: AbortSignal,
): Promise<QemuUser | undefined> {
  const what = "libvirt's capabilities"
  const host = child(readXml(what, 'capabilities', await libvirt.connect.getCapabilities({ signal })), 'host')
  const dac = children(host, 'secmodel').find(model => textOf(child(model, 'model')) === 'dac')
  const label = children(dac, 'baselabel').find(node => attribute(node, 'type') === domainType)
  const ids = /^\+(\d{1,10}):\+(\d{1,10})$/.exec(textOf(label) ?? '')
  return ids ? { uid: Number(ids[1]), gid: Number(ids[2]) } : undefined
}

/** libvirt's numbers as people write them: 9000001 is `9.0.1`. */
export const versionText = (version: number): string =>
  [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000, version % 1000].join('.')

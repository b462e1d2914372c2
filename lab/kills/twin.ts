import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { SimHypervisor, simLibvirt } from '#src/sim/hypervisor.ts'
import type { SimConfiguration } from '#src/sim/hypervisor-state.ts'
import { type SimFile, World } from '#src/sim/world.ts'

/** The simulated world, but for its files, which are those of the kernel that this runs on. */
class RealFiles extends World {
  override below(path: string): SimFile | undefined {
    if (!existsSync(path)) return undefined
    const kind = statSync(path).isBlockDevice() ? 'block' : 'file'
    return { kind, sizeBytes: 0, inode: path, mode: 0o600, content: path }
  }
}

/**
 * The simulated libvirt and QEMU, over real devices. A power cut ends its domains, for they live in this process; their
 * persistent configurations are kept on the disk, synced, as libvirt's are.
 */
export function openTwin(file: string): { readonly hypervisor: SimHypervisor; readonly world: World } {
  const world = new RealFiles()
  const libvirt = simLibvirt(world)
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as readonly Kept[]) : []
  for (const { id, name, persistent } of known) libvirt.define({ id, name, ours: true }, persistent)
  let written = JSON.stringify(known)
  world.watch = when => {
    if (when === 'before') return
    const now = JSON.stringify(
      [...libvirt.domains.values()].flatMap(({ id, name, persistent }) =>
        persistent ? [{ id, name, persistent }] : [],
      ),
    )
    if (now !== written) writeSynced(file, now)
    written = now
  }
  return { hypervisor: new SimHypervisor(world), world }
}

interface Kept {
  readonly id: string
  readonly name: string
  readonly persistent: SimConfiguration
}

function writeSynced(path: string, text: string): void {
  const file = openSync(`${path}.new`, 'w')
  writeSync(file, text)
  fsyncSync(file)
  closeSync(file)
  renameSync(`${path}.new`, path)
}

import { join } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { readBootId } from '#src/host/boot-id.ts'
import type { Host } from '#src/host/host.ts'
import { tryKvm } from '#src/host/kvm.ts'

/**
 * What guests are run with. `auto` is found by a try, which starts a QEMU; its outcome is kept for this boot of the kernel in
 * `kvm.json`, for what a try shows cannot change before the next.
 */
export async function findDomainType(host: Host, config: HoldfastConfig): Promise<'kvm' | 'qemu'> {
  if (config.domainType !== 'auto') return config.domainType
  const path = join(config.stateDirectory, 'kvm.json')
  const bootId = await readBootId(host)
  const known = parseKnown(await host.files.read(path), bootId)
  if (known !== undefined) return known ? 'kvm' : 'qemu'
  const works = await tryKvm(host, config.stateDirectory)
  await host.files.writeAtomic(path, new TextEncoder().encode(`${JSON.stringify({ bootId, works })}\n`), 0o644)
  return works ? 'kvm' : 'qemu'
}

function parseKnown(bytes: Uint8Array | undefined, bootId: string): boolean | undefined {
  if (!bytes) return undefined
  try {
    const known: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof known !== 'object' || known === null) return undefined
    if (!('bootId' in known) || known.bootId !== bootId || !('works' in known)) return undefined
    return known.works === true
  } catch {
    // Half written or changed by hand: a try tells anew.
    return undefined
  }
}

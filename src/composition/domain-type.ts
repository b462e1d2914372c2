import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { isHoldfastError } from '#src/core/error.ts'
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
  return (await tryAndKeep(host, config.stateDirectory, { path, bootId })) ? 'kvm' : 'qemu'
}

const CANNOT_WRITE: ReadonlySet<string> = new Set(['file-not-found', 'forbidden', 'no-space', 'read-only'])

/** A query may find a state directory that is not there yet or cannot be written: the try is made elsewhere, and not kept. */
async function tryAndKeep(host: Host, folder: string, kept: { path: string; bootId: string }): Promise<boolean> {
  try {
    const works = await tryKvm(host, folder)
    const content = `${JSON.stringify({ bootId: kept.bootId, works })}\n`
    await host.files.writeAtomic(kept.path, new TextEncoder().encode(content), 0o644)
    return works
  } catch (error) {
    if (!isHoldfastError(error) || !CANNOT_WRITE.has(error.code)) throw error
    return await tryKvm(host, tmpdir())
  }
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

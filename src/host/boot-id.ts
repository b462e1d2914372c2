import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import type { Host } from './host.ts'

const BOOT_ID = '/proc/sys/kernel/random/boot_id'

/** A UUID that the kernel makes at each boot: tells whether the host was restarted since something was recorded. */
export async function readBootId(host: Pick<Host, 'files'>): Promise<string> {
  const id = Buffer.from((await host.files.read(BOOT_ID)) ?? [])
    .toString()
    .trim()
  if (isUuid(id)) return id
  throw new HoldfastError('host-command', 'io-error', `${BOOT_ID} has no UUID in it: is /proc mounted?`)
}

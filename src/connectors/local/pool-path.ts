import { normalize } from 'node:path'
import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import type { Host } from '#src/host/host.ts'

/**
 * A path from connection info may only lead into the pool: absolute, without `..`, and with every link followed still
 * inside it (I10). What is not there yet has no links to follow.
 * @throws HoldfastError `unsafe-path` (unsafe)
 */
export async function checkPoolPath(host: Host, pool: string, path: string): Promise<void> {
  if (path.includes('\0') || normalize(path) !== path || !inside(pool, path)) {
    throw unsafePath(path, `it is not a plain path in the pool ${pool}`)
  }
  const [realPool, realPath] = await Promise.all([host.files.realPath(pool), host.files.realPath(path)])
  if (realPath === undefined || (realPool !== undefined && inside(realPool, realPath))) return
  throw unsafePath(path, `it leads to ${realPath}, outside of the pool ${pool}`)
}

/** The volume whose file this is, by its name in the pool; ` (deleted)` is the kernel's word for a file that is gone. */
export function volumeOfPoolPath(pool: string, path: string): string | undefined {
  const file = path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path
  const prefix = `${pool}/volume-`
  const id = file.startsWith(prefix) ? file.slice(prefix.length) : ''
  return isUuid(id) ? id : undefined
}

const DELETED = ' (deleted)'

const inside = (folder: string, path: string): boolean =>
  path.startsWith(folder.endsWith('/') ? folder : `${folder}/`) && path.length > folder.length + 1

const unsafePath = (path: string, why: string) =>
  new HoldfastError('unsafe', 'unsafe-path', `the device path ${JSON.stringify(path)} is refused: ${why}`, {
    details: { layer: 'connection', left: 'nothing was touched' },
  })

import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { decompressModule } from './kernel-files.ts'

/** One module file of a kernel, ready for insmod. */
export interface ModuleFile {
  /** `virtio_blk.ko`, with no ending of a compression. */
  readonly name: string
  readonly content: Buffer
}

/**
 * Paths of the wanted modules and of all that they need, each after what it needs, from the text of `modules.dep`
 * (`path: dependency dependency…`, all dependencies listed, the last to be loaded first). Names compare with `-` as `_`.
 * Those that are not in the file are left out: they are built in.
 */
export function loadOrder(modulesDep: string, wanted: readonly string[]): readonly string[] {
  const needs = new Map<string, readonly string[]>()
  const paths = new Map<string, string>()
  for (const line of modulesDep.split('\n')) {
    const [path, rest = ''] = line.split(':')
    if (path === undefined || path === '') continue
    needs.set(path, rest.trim().split(/\s+/).filter(Boolean))
    paths.set(moduleName(path), path)
  }
  const ordered = wanted.flatMap(name => {
    const path = paths.get(moduleName(name))
    return path === undefined ? [] : [...(needs.get(path) ?? []).toReversed(), path]
  })
  return [...new Set(ordered)]
}

const moduleName = (path: string): string =>
  basename(path)
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_')

/** Reads the wanted modules of a kernel, in load order. */
export async function readModules(folder: string, wanted: readonly string[]): Promise<readonly ModuleFile[]> {
  const order = loadOrder(await readFile(join(folder, 'modules.dep'), 'utf8'), wanted)
  return await Promise.all(
    order.map(async path => ({
      name: basename(path).replace(/\.ko\.\w+$/, '.ko'),
      content: await decompressModule(path, await readFile(join(folder, path))),
    })),
  )
}

import { hasCode } from '#src/core/error.ts'
import type { Host } from './host.ts'

/** An attribute of sysfs, without its line end; undefined if it is not there, or its device goes away while it is read. */
export async function readAttribute(host: Host, path: string): Promise<string | undefined> {
  try {
    const bytes = await host.files.read(path)
    return bytes && Buffer.from(bytes).toString().replace(/\n$/, '')
  } catch (error) {
    if (hasCode(error, 'io-error') && !(await host.files.stat(path))) return undefined
    throw error
  }
}

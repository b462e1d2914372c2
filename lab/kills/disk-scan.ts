import { execFile } from 'node:child_process'
import { type FileHandle, open } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

interface Extent {
  readonly start: number
  readonly length: number
  readonly data: boolean
}

const CHUNK = 8 * 2 ** 20

/**
 * Looks for this text in everything that a disk file holds, journals and freed blocks too; `qemu-img map` finds the holes.
 * One line for each place where it is.
 */
export async function findOnDisk(disk: string, text: string): Promise<readonly string[]> {
  const { stdout } = await run('qemu-img', ['map', '--output=json', '-f', 'raw', disk], { maxBuffer: 2 ** 28 })
  const extents = (JSON.parse(stdout) as Extent[]).filter(({ data }) => data)
  const file = await open(disk)
  try {
    const places: number[] = []
    for (const extent of extents) places.push(...(await findIn(file, extent, Buffer.from(text))))
    return places.slice(0, 3).map(place => `plaintext of a volume lies at byte ${place} of the disk`)
  } finally {
    await file.close()
  }
}

async function findIn(file: FileHandle, { start, length }: Extent, text: Buffer): Promise<readonly number[]> {
  const bytes = Buffer.alloc(Math.min(CHUNK + text.length, length))
  for (let at = 0; at < length; at += CHUNK) {
    const { bytesRead } = await file.read(bytes, 0, Math.min(bytes.length, length - at), start + at)
    const found = bytes.subarray(0, bytesRead).indexOf(text)
    if (found >= 0) return [start + at + found]
  }
  return []
}

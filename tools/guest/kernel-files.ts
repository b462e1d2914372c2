import { spawn } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'

/** A kernel with its modules, as a Debian package laid it out. */
export interface KernelFiles {
  readonly version: string
  /** The compressed image (bzImage). */
  readonly image: string
  /** The folder that holds `modules.dep`. */
  readonly modules: string
}

/** Where `tools/bootstrap.mjs` unpacks the kernel package if none is installed. */
const CACHE = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.cache', 'kernel')

/** The newest Debian cloud kernel, installed or in the clone's cache; undefined if there is none. */
export async function findKernel(bases: readonly string[] = ['/', CACHE]): Promise<KernelFiles | undefined> {
  const found = await Promise.all(bases.map(kernelsIn))
  return found
    .flat()
    .sort((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }))
    .at(-1)
}

async function kernelsIn(base: string): Promise<readonly KernelFiles[]> {
  const names = await readdir(join(base, 'boot')).catch(() => [])
  const versions = names.flatMap(name => /^vmlinuz-(\d.*-cloud-amd64)$/.exec(name)?.[1] ?? [])
  const kernels = await Promise.all(versions.map(version => withModules(base, version)))
  return kernels.filter(kernel => kernel !== undefined)
}

async function withModules(base: string, version: string): Promise<KernelFiles | undefined> {
  for (const folder of ['lib/modules', 'usr/lib/modules']) {
    const modules = join(base, folder, version)
    if (await stat(join(modules, 'modules.dep')).catch(() => undefined)) {
      return { version, image: join(base, 'boot', `vmlinuz-${version}`), modules }
    }
  }
  return undefined
}

/** Kernel modules may be compressed, by the ending of their name. */
export async function decompressModule(name: string, bytes: Buffer): Promise<Buffer> {
  if (name.endsWith('.xz')) return await pipeThrough('xz', ['-dc'], bytes)
  if (name.endsWith('.zst')) return zstdDecompressSync(bytes)
  return name.endsWith('.gz') ? gunzipSync(bytes) : bytes
}

async function pipeThrough(program: string, args: readonly string[], input: Buffer): Promise<Buffer> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], timeout: 60_000 })
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  child.stdin.on('error', () => {}) // it stops reading at the end of the stream; what counts is its exit code
  child.stdin.end(input)
  const [output, code] = await Promise.all([buffer(child.stdout), closed])
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${code}`)
  return output
}

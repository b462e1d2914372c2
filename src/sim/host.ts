import { basename, dirname } from 'node:path'
import { HoldfastError } from '#src/core/error.ts'
import type { FileFacts, Host, HostFiles, Tool } from '#src/host/host.ts'
import { luksBytes } from './luks-bytes.ts'
import { type KernelNode, kernelRoot } from './sysfs.ts'
import { runTool, type SimTool } from './tools/run.ts'
import type { SimFile, SimLuks, World } from './world.ts'

/** A file system that all files of the world lie on. */
const FILE_SYSTEM = '254:0'
const FREE_BYTES = 2 ** 40
/** What the kernel shows there is not of this file system. */
const KERNEL_FOLDERS: readonly string[] = ['sys', 'proc', 'dev']
/** As many links as the kernel follows. */
const MOST_LINKS = 40

/**
 * The simulated twin of the host: files of the world, what its kernel shows in `/sys`, `/proc` and `/dev`, virtual time, and
 * the tools that it is given (`simTools` gives all).
 */
export function createSimHost(world: World, tools: Partial<Record<Tool, SimTool>> = {}): Host {
  return {
    name: world.hostName,
    clock: world.clock,
    random: world.random,
    files: new SimFiles(world),
    async run(request) {
      const tool = tools[request.tool]
      if (tool) return await runTool(world.clock, tool, request)
      throw new HoldfastError('unsupported', 'command-missing', `${request.tool} is not installed`, {
        details: { command: request.tool },
      })
    },
  }
}

type Shown = Exclude<KernelNode, { is: 'link' }>

/** What is at a path, links followed. */
type Found = { readonly path: string; readonly file: SimFile } | { readonly path: string; readonly node: Shown }

class SimFiles implements HostFiles {
  readonly #world: World
  /** LUKS headers by what they say: making one takes a while. */
  readonly #headers = new Map<string, Uint8Array>()

  constructor(world: World) {
    this.#world = world
  }

  stat(path: string): Promise<FileFacts | undefined> {
    return this.#look('stat', path, () => {
      const found = this.#find(path)
      return found && ('file' in found ? factsOf(found.file) : kernelFacts(found.node))
    })
  }

  realPath(path: string): Promise<string | undefined> {
    return this.#look('resolve', path, () => this.#find(path)?.path)
  }

  read(path: string): Promise<Uint8Array | undefined> {
    return this.#look('read', path, () => {
      const found = this.#find(path)
      return found && this.#content(found, 0, Number.POSITIVE_INFINITY)
    })
  }

  readAt(path: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#look('read', path, () => {
      const found = this.#find(path)
      if (found) return this.#content(found, offset, length)
      throw absent(path)
    })
  }

  writeAtomic(path: string, bytes: Uint8Array, mode: number): Promise<void> {
    return this.#effect('write', path, () => {
      this.#checkFolder(path)
      this.#world.addFile(path, { sizeBytes: bytes.length, bytes: bytes.slice(), mode })
    })
  }

  createSparse(path: string, size: number, mode: number): Promise<void> {
    return this.#effect('create', path, () => {
      this.#checkFree(path)
      this.#world.addFile(path, { sizeBytes: size, mode })
    })
  }

  truncate(path: string, size: number): Promise<void> {
    return this.#effect('truncate', path, () => {
      const file = this.#there(path)
      file.sizeBytes = size
      file.bytes = file.bytes?.slice(0, size)
    })
  }

  copySparse(from: string, to: string, mode: number, signal?: AbortSignal): Promise<void> {
    const copy = () => {
      const { sizeBytes, content, luks, bytes } = this.#there(from)
      this.#checkFree(to)
      this.#world.addFile(to, { sizeBytes, content, luks: luks && { ...luks }, bytes: bytes?.slice(), mode })
    }
    return this.#effect('copy', to, copy, signal)
  }

  async synced<T>(path: string, work: () => Promise<T>): Promise<T> {
    this.#there(path)
    const result = await work()
    await this.#effect('sync', path, () => {})
    return result
  }

  rename(from: string, to: string): Promise<void> {
    return this.#effect('rename', to, () => {
      const file = this.#there(from)
      this.#checkFolder(to)
      this.#world.files.delete(from)
      this.#world.files.set(to, file)
    })
  }

  remove(path: string): Promise<boolean> {
    return this.#effect('remove', path, () => this.#world.files.delete(path))
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#look('list', directory, () => {
      const found = this.#find(directory)
      if (!found) throw absent(directory)
      if ('node' in found) return namesIn(directory, found.node)
      const paths = [...this.#world.files.keys()].filter(path => path !== '/' && dirname(path) === directory)
      return paths.map(path => basename(path)).sort()
    })
  }

  makeDirectory(path: string, mode: number): Promise<void> {
    return this.#effect('make folder', path, () => {
      for (let at = path; at !== '/' && !this.#find(at); at = dirname(at)) {
        this.#world.addFile(at, { kind: 'directory', mode })
      }
    })
  }

  freeBytes(path: string): Promise<number> {
    return this.#look('free bytes of', path, () => FREE_BYTES)
  }

  totalBytes(path: string): Promise<number> {
    return this.#look('total bytes of', path, () => FREE_BYTES)
  }

  #look<T>(verb: string, path: string, run: () => T): Promise<T> {
    return this.#world.look(`file ${verb} ${path}`, run)
  }

  #effect<T>(verb: string, path: string, run: () => T, signal?: AbortSignal): Promise<T> {
    return this.#world.effect(`file ${verb} ${path}`, run, signal)
  }

  #find(path: string, links = 0): Found | undefined {
    const file = this.#world.files.get(path)
    if (file && file.kind !== 'block') return { path, file }
    const parts = path.split('/').slice(1)
    let node: KernelNode | undefined = KERNEL_FOLDERS.includes(parts[0] ?? '') ? kernelRoot(this.#world) : undefined
    for (const [index, part] of parts.entries()) {
      node = node?.is === 'folder' ? node.child(part) : undefined
      if (node?.is !== 'link') continue
      const rest = [node.to, ...parts.slice(index + 1)].join('/')
      return links < MOST_LINKS ? this.#find(rest, links + 1) : undefined
    }
    return node === undefined || node.is === 'link' ? undefined : { path, node }
  }

  #there(path: string): SimFile {
    const found = this.#find(path)
    if (found && 'file' in found) return found.file
    throw absent(path)
  }

  #content(found: Found, offset: number, length: number): Uint8Array {
    if ('file' in found) return this.#fileContent(found.file, offset, length, found.file.sizeBytes)
    const { node } = found
    if (node.is === 'text') return Buffer.from(node.text).subarray(offset, offset + length)
    if (node.is !== 'block') throw new HoldfastError('host-command', 'io-error', `could not read ${found.path}: EISDIR`)
    const { loop, file, sizeBytes } = node.device
    const below = loop?.file ?? file
    if (below) return this.#fileContent(below, offset, length, sizeBytes)
    return new Uint8Array(Math.max(0, Math.min(length, sizeBytes - offset)))
  }

  /** The LUKS header if there is one, what was written, and zeros up to the end. */
  #fileContent(file: SimFile, offset: number, length: number, sizeBytes: number): Uint8Array {
    const found = new Uint8Array(Math.max(0, Math.min(length, sizeBytes - offset)))
    found.set(file.bytes?.subarray(offset, offset + found.length) ?? [])
    if (file.luks) found.set(this.#header(file.luks).subarray(offset, offset + found.length))
    return found
  }

  #header(luks: SimLuks): Uint8Array {
    const { passphraseHash: _, ...metadata } = luks
    const key = JSON.stringify(metadata)
    const bytes = this.#headers.get(key) ?? luksBytes(luks)
    this.#headers.set(key, bytes)
    return bytes
  }

  #checkFolder(path: string): void {
    if (dirname(path) !== '/') this.#there(dirname(path))
  }

  #checkFree(path: string): void {
    this.#checkFolder(path)
    if (!this.#find(path)) return
    throw new HoldfastError('conflict', 'conflict', `could not create ${path}: something is there already`)
  }
}

const factsOf = (file: SimFile): FileFacts => ({
  kind: file.kind === 'network' ? 'other' : file.kind,
  size: file.sizeBytes,
  allocated: file.bytes?.length ?? 0,
  mode: file.mode,
  uid: 0,
  inode: file.inode,
  device: FILE_SYSTEM,
})

function kernelFacts(node: Shown): FileFacts {
  const common = { allocated: 0, mode: 0o600, uid: 0, inode: '1:0', device: '0:20' }
  if (node.is === 'folder') return { ...common, kind: 'directory', size: 0 }
  if (node.is === 'text') return { ...common, kind: 'file', size: 4096 }
  if (node.is === 'other') return { ...common, kind: 'other', size: 0 }
  return { ...common, kind: 'block', size: node.device.sizeBytes, device: node.device.number }
}

function namesIn(path: string, node: KernelNode): readonly string[] {
  if (node.is === 'folder') return [...node.names()].sort()
  throw new HoldfastError('not-found', 'file-not-found', `could not list ${path}: a part of the path is no folder`)
}

const absent = (path: string) =>
  new HoldfastError('not-found', 'file-not-found', `could not use ${path}: no such file or folder`)

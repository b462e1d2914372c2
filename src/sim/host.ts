import { basename, dirname } from 'node:path'
import { HoldfastError } from '#src/core/error.ts'
import type { CommandRequest, CommandResult, FileFacts, Host, HostFiles, Tool } from '#src/host/host.ts'
import type { SimFile, World } from './world.ts'

/** What a simulated tool does. It passes through `world.effect` or `world.look` itself. */
export type SimTool = (request: CommandRequest) => Promise<CommandResult>

/** A file system that all files of the world lie on. */
const FILE_SYSTEM = '254:0'
const FREE_BYTES = 2 ** 40

/** The simulated twin of the host: files of the world, virtual time, and the tools that it is given. */
export function createSimHost(world: World, tools: Partial<Record<Tool, SimTool>> = {}): Host {
  return {
    name: world.hostName,
    clock: world.clock,
    random: world.random,
    files: new SimFiles(world),
    async run(request) {
      const tool = tools[request.tool]
      if (tool) return await tool(request)
      throw new HoldfastError('unsupported', 'command-missing', `${request.tool} is not installed`, {
        details: { command: request.tool },
      })
    },
  }
}

class SimFiles implements HostFiles {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  stat(path: string): Promise<FileFacts | undefined> {
    return this.#look('stat', path, () => {
      const file = this.#find(path)
      return file && factsOf(file)
    })
  }

  realPath(path: string): Promise<string | undefined> {
    return this.#look('resolve', path, () => (this.#find(path) ? path : undefined))
  }

  read(path: string): Promise<Uint8Array | undefined> {
    return this.#look('read', path, () => {
      const file = this.#find(path)
      return file && contentOf(file, 0, file.sizeBytes)
    })
  }

  readAt(path: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#look('read', path, () => contentOf(this.#there(path), offset, length))
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
      this.#there(directory)
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

  #find(path: string): SimFile | undefined {
    return this.#world.loops.get(path)?.file ?? this.#world.files.get(path)
  }

  #there(path: string): SimFile {
    const file = this.#find(path)
    if (file) return file
    throw new HoldfastError('not-found', 'file-not-found', `could not use ${path}: no such file or folder`)
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
  kind: file.kind,
  size: file.sizeBytes,
  allocated: file.bytes?.length ?? 0,
  mode: file.mode,
  uid: 0,
  inode: file.inode,
  device: FILE_SYSTEM,
})

/** What was written, then zeros up to the file's size. */
function contentOf(file: SimFile, offset: number, length: number): Uint8Array {
  const found = new Uint8Array(Math.max(0, Math.min(length, file.sizeBytes - offset)))
  found.set(file.bytes?.subarray(offset, offset + found.length) ?? [])
  return found
}

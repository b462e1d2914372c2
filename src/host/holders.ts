import { describeBlockDevice } from './block-name.ts'
import type { FileFacts, Host } from './host.ts'
import { type LoopFacts, listLoops } from './loop.ts'
import { type KernelUse, readKernelUses } from './mounts.ts'
import { describeProcess, fileKey, readOpenFiles } from './processes.ts'
import { readText, seen } from './seen.ts'

/** As many as a message can bear. */
const MOST = 5
/** A volume group over LUKS over a partition over a volume is three. */
const DEEPEST = 4

/**
 * Who keeps a device or file busy, in words for an error: volume groups, mappings and other devices over it, mounts, swap,
 * domains and processes that have it open. Looks only; what may not be looked at, or is gone meanwhile, is left out. At
 * most five.
 */
export const holdersOf = (host: Host, path: string): Promise<readonly string[]> => new Holders(host).of(path)

/** What the kernel knows to lie over this device (`<major>:<minor>`), and who uses that in turn. */
export const devicesOver = (host: Host, device: string): Promise<readonly string[]> => new Holders(host).over(device)

/** `held by mapping crypt-x, process 12 (dd)`, or that nobody could be seen. */
export const describeHolders = (holders: readonly string[]): string => {
  const between = holders.some(holder => holder.includes(', ')) ? '; ' : ', '
  return holders.length > 0 ? `held by ${holders.join(between)}` : 'held by something that does not show'
}

/** One look at who holds what: processes and mounts are read once, for however many devices it is asked. */
export class Holders {
  readonly #host: Host
  #openFiles: Promise<ReadonlyMap<string, readonly string[]>> | undefined
  #kernelUses: Promise<readonly KernelUse[]> | undefined
  #loops: Promise<readonly LoopFacts[] | undefined> | undefined

  constructor(host: Host) {
    this.#host = host
  }

  /** Of a device node or a file. */
  async of(path: string): Promise<readonly string[]> {
    const facts = await seen(this.#host.files.stat(path))
    if (!facts) return []
    if (facts.kind === 'block') return await this.ofDevice(facts.device)
    const real = await seen(this.#host.files.realPath(path))
    const loops = (await this.#readLoops()).filter(({ backingPath }) => backingPath === real)
    return [...(await this.#devices(loops.map(nameOf), DEEPEST)), ...(await this.#openers(facts))].slice(0, MOST)
  }

  /** Of a block device, `<major>:<minor>`. */
  async ofDevice(device: string): Promise<readonly string[]> {
    const uses = await this.#usesOf(device)
    const words = uses.map(point => (point === undefined ? 'active swap' : `a mount at ${point}`))
    return [...(await this.over(device)), ...words, ...(await this.#openers({ kind: 'block', device }))].slice(0, MOST)
  }

  /** Mappings and other devices over a block device. */
  async over(device: string): Promise<readonly string[]> {
    return await this.#devices(await this.#namesOver(device), DEEPEST)
  }

  async #devices(names: readonly string[], depth: number): Promise<readonly string[]> {
    const found = names.map(async name => {
      const uses = depth > 0 ? await this.#nested(name, depth - 1) : []
      const isIdlePartition = uses.length === 0 && (await this.#isPartition(name))
      return isIdlePartition ? [] : [[await describeBlockDevice(this.#host, name), ...uses].join(', ')]
    })
    return (await Promise.all(found)).flat().slice(0, MOST)
  }

  /** Who uses a device that lies over the one in question. */
  async #nested(name: string, depth: number): Promise<readonly string[]> {
    const device = (await readText(this.#host, `/sys/class/block/${name}/dev`)).trim()
    if (device === '') return []
    const over = await this.#devices(await this.#namesOver(device), depth)
    const uses = await this.#usesOf(device)
    const openers = await this.#openers({ kind: 'block', device })
    return [
      ...over.map(words => `under ${words}`),
      ...uses.map(point => (point === undefined ? 'used as swap' : `mounted at ${point}`)),
      ...openers.map(words => `open in ${words}`),
    ].slice(0, MOST)
  }

  /** Names as `/sys/class/block` has them. */
  async #namesOver(device: string): Promise<readonly string[]> {
    const at = `/sys/dev/block/${device}`
    const inside = (await seen(this.#host.files.list(at))) ?? []
    const isPartition = await Promise.all(inside.map(name => /\d$/.test(name) && this.#isPartition(name)))
    const holders = (await seen(this.#host.files.list(`${at}/holders`))) ?? []
    return [...holders, ...inside.filter((_, n) => isPartition[n]), ...(await this.#loopsOver(device))]
  }

  async #isPartition(name: string): Promise<boolean> {
    return (await readText(this.#host, `/sys/class/block/${name}/partition`)) !== ''
  }

  /** Loop devices over a block device. Only those are looked at: the file of another may lie on a server that does not answer. */
  async #loopsOver(device: string): Promise<readonly string[]> {
    const loops = (await this.#readLoops()).filter(({ backingPath }) => backingPath.startsWith('/dev/'))
    const facts = await Promise.all(loops.map(({ backingPath }) => seen(this.#host.files.stat(backingPath))))
    return loops.filter((_, n) => facts[n]?.kind === 'block' && facts[n].device === device).map(nameOf)
  }

  async #readLoops(): Promise<readonly LoopFacts[]> {
    this.#loops ??= seen(listLoops(this.#host))
    return (await this.#loops) ?? []
  }

  /** Where it is mounted; undefined for swap. */
  async #usesOf(device: string): Promise<readonly (string | undefined)[]> {
    this.#kernelUses ??= readKernelUses(this.#host)
    return (await this.#kernelUses).filter(use => use.device === device).map(({ mountPoint }) => mountPoint)
  }

  async #openers(facts: Pick<FileFacts, 'kind' | 'device'> & { readonly inode?: string }): Promise<readonly string[]> {
    this.#openFiles ??= readOpenFiles(this.#host)
    const pids = (await this.#openFiles).get(fileKey({ inode: '', ...facts })) ?? []
    return await Promise.all(pids.slice(0, MOST).map(pid => describeProcess(this.#host, pid)))
  }
}

/** As `/sys/class/block` has it. */
const nameOf = ({ path }: LoopFacts): string => path.slice('/dev/'.length)

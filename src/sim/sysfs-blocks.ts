import { createHash } from 'node:crypto'
import { mapperName, type SimFile, type SimLoop, type SimMapping, type World } from './world.ts'

/** A block device as the simulated kernel has it. */
export interface BlockDevice {
  /** As `/sys/class/block` has it. */
  readonly name: string
  /** Its node under `/dev`. */
  readonly node: string
  /** `<major>:<minor>` */
  readonly number: string
  readonly sizeBytes: number
  readonly readonly: boolean
  readonly loop?: SimLoop | undefined
  readonly mapping?: SimMapping | undefined
  /** A device of its own, that no program of this host made. */
  readonly file?: SimFile | undefined
}

/** Loop devices that are there although nothing is attached to them (`max_loop`). */
export const IDLE_LOOPS = 8

const MAJOR = { loop: 7, mapping: 253, other: 8 } as const
/** Where the numbers of those begin that were not made by a simulated tool, which gives the lowest free ones. */
const FIRST_FOREIGN = 4096

const LOOP_NODE = /^\/dev\/loop(\d+)$/
const MAPPING_NODE = /^\/dev\/dm-(\d+)$/

/** The device of this node; undefined if there is none. */
export function blockAt(world: World, node: string): BlockDevice | undefined {
  const name = mapperName(node)
  if (name !== undefined) return mappingDevice(world.mappings.get(name))
  const loop = LOOP_NODE.exec(node)?.[1]
  if (loop !== undefined) return loopDevice(world, Number(loop))
  const minor = MAPPING_NODE.exec(node)?.[1]
  if (minor !== undefined) return mappingDevice(mappingOf(world, Number(minor)))
  const file = world.files.get(node)
  return file?.kind === 'block' ? otherDevice(node, file) : undefined
}

/** The device of this name in `/sys/class/block`. */
export const blockNamed = (world: World, name: string): BlockDevice | undefined =>
  blockAt(world, `/dev/${name.replaceAll('!', '/')}`)

/** The device of this number, `<major>:<minor>`. */
export function blockNumbered(world: World, number: string): BlockDevice | undefined {
  const [major, minor] = number.split(':').map(Number)
  if (minor === undefined) return undefined
  if (major === MAJOR.loop) return loopDevice(world, minor)
  if (major === MAJOR.mapping) return mappingDevice(mappingOf(world, minor))
  return otherDevices(world).find(device => device.number === number)
}

/** All of them, in no order. */
export function blockDevices(world: World): readonly BlockDevice[] {
  const numbers = new Set(Array.from({ length: IDLE_LOOPS }, (_, number) => number))
  for (const node of world.loops.keys()) numbers.add(Number(LOOP_NODE.exec(node)?.[1]))
  const loops = [...numbers].map(number => loopDevice(world, number))
  const mappings = [...world.mappings.values()].map(mapping => mappingDevice(mapping))
  return [...loops, ...mappings, ...otherDevices(world)].filter(device => device !== undefined)
}

/** The number of what lies below a mapping, whatever there is of it. */
export const numberBelow = (world: World, { over }: SimMapping): string =>
  blockAt(world, over)?.number ?? `${MAJOR.other}:${2 ** 18 + spread(over)}`

/** Devices that lie over this one, as its `holders` folder in sysfs tells. */
export const mappingsOver = (world: World, { node }: BlockDevice): readonly SimMapping[] =>
  [...world.mappings.values()].filter(({ over, bare }) => over === node && bare !== 'created')

/** The loop device at this path, if something is attached to it. One that was detached in use is gone with its last user. */
export function attachedLoop(world: World, path: string): SimLoop | undefined {
  const loop = world.loops.get(path)
  return loop?.detached && world.holders(path).length === 0 ? undefined : loop
}

/** The name of the file below a loop device, as the kernel tells it: the one that the file has now, or had when it went. */
export function backingName({ files }: World, { file, backingPath }: SimLoop): string {
  if (files.get(backingPath) === file) return backingPath
  const now = [...files].find(([, other]) => other === file)?.[0]
  return now ?? `${backingPath} (deleted)`
}

/** The number of a mapping's device is free again when the mapping is gone. */
export function freeMinor(world: World): number {
  const taken = new Set([...world.mappings.values()].map(minorOf))
  let minor = 0
  while (taken.has(minor)) minor++
  return minor
}

/** A loop device below it that was detached in use goes away with its last user. */
export function removeMapping(world: World, { name, over }: SimMapping): void {
  world.mappings.delete(name)
  if (world.loops.get(over)?.detached && !attachedLoop(world, over)) world.loops.delete(over)
}

export const mappingKernelName = (mapping: SimMapping): string => `dm-${minorOf(mapping)}`

export const minorOf = ({ minor, name }: SimMapping): number => minor ?? FIRST_FOREIGN + spread(name)

const mappingOf = (world: World, minor: number): SimMapping | undefined =>
  [...world.mappings.values()].find(mapping => minorOf(mapping) === minor)

/** Without a table it has no device. */
function mappingDevice(mapping: SimMapping | undefined): BlockDevice | undefined {
  if (!mapping || mapping.bare === 'created') return undefined
  return {
    name: mappingKernelName(mapping),
    node: `/dev/mapper/${mapping.name}`,
    number: `${MAJOR.mapping}:${minorOf(mapping)}`,
    sizeBytes: mapping.bare ? 0 : mapping.sizeBytes,
    readonly: false,
    mapping,
  }
}

function loopDevice(world: World, number: number): BlockDevice | undefined {
  const node = `/dev/loop${number}`
  const loop = attachedLoop(world, node)
  if (!loop && number >= IDLE_LOOPS) return undefined
  return {
    name: `loop${number}`,
    node,
    number: `${MAJOR.loop}:${number}`,
    sizeBytes: loop ? (loop.sizeBytes ?? loop.file.sizeBytes) : 0,
    readonly: loop?.readonly ?? false,
    loop,
  }
}

const otherDevices = (world: World): readonly BlockDevice[] =>
  [...world.files].flatMap(([node, file]) => (file.kind === 'block' ? [otherDevice(node, file)] : []))

/** Its inode tells its number, for no two have the same. */
const otherDevice = (node: string, file: SimFile): BlockDevice => ({
  name: node.replace(/^\/dev\//, '').replaceAll('/', '!'),
  node,
  number: `${MAJOR.other}:${Number.parseInt(file.inode, 10)}`,
  sizeBytes: file.sizeBytes,
  readonly: false,
  file,
})

/** A number below 2¹⁸ that depends on nothing but the text. */
const spread = (text: string): number => createHash('md5').update(text).digest().readUInt32BE(0) % 2 ** 18

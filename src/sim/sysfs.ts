import {
  type BlockDevice,
  backingName,
  blockAt,
  blockDevices,
  blockNamed,
  blockNumbered,
  mappingKernelName,
  mappingsOver,
} from './sysfs-blocks.ts'
import { kernelUses, processes, type SimProcess } from './sysfs-processes.ts'
import type { SimInterface, SimLoop, World } from './world.ts'

/** What the simulated kernel shows at a path. */
export type KernelNode =
  | { readonly is: 'folder'; readonly names: () => readonly string[]; readonly child: Child }
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'link'; readonly to: string }
  | { readonly is: 'block'; readonly device: BlockDevice }
  | { readonly is: 'other' }

type Child = (name: string) => KernelNode | undefined

/**
 * What the simulated kernel shows as files: block devices and network interfaces in sysfs, processes, mounts and swap in
 * `/proc`, nodes in `/dev`. Nothing is kept: all of it is told by the world's maps at the moment of asking.
 */
export const kernelRoot = (world: World): KernelNode =>
  folder({ sys: () => sys(world), proc: () => proc(world), dev: () => dev(world) })

/** A folder whose entries are made when they are asked for. */
function folder(entries: Readonly<Record<string, () => KernelNode | undefined>>): KernelNode {
  const child = (name: string) => (Object.hasOwn(entries, name) ? entries[name]?.() : undefined)
  return { is: 'folder', names: () => Object.keys(entries).filter(name => child(name) !== undefined), child }
}

const listed = (names: () => readonly string[], child: Child): KernelNode => ({ is: 'folder', names, child })

const text = (words: string | number): KernelNode => ({ is: 'text', text: `${words}\n` })

const link = (to: string): KernelNode => ({ is: 'link', to })

const BLOCKS = '/sys/devices/virtual/block'
const NET = '/sys/devices/virtual/net'

function sys(world: World): KernelNode {
  const names = () => blockDevices(world).map(({ name }) => name)
  const blockLinks = listed(names, name => blockNamed(world, name) && link(`${BLOCKS}/${name}`))
  const netLinks = listed(
    () => [...world.interfaces.keys()],
    name => (world.interfaces.has(name) ? link(`${NET}/${name}`) : undefined),
  )
  const numbers = listed(
    () => blockDevices(world).map(({ number }) => number),
    number => {
      const device = blockNumbered(world, number)
      return device && link(`${BLOCKS}/${device.name}`)
    },
  )
  const devices = folder({
    block: () => listed(names, name => blockFolder(world, blockNamed(world, name))),
    net: () =>
      listed(
        () => [...world.interfaces.keys()],
        name => netFolder(world, world.interfaces.get(name)),
      ),
  })
  return folder({
    block: () => blockLinks,
    class: () => folder({ block: () => blockLinks, net: () => netLinks }),
    dev: () => folder({ block: () => numbers }),
    devices: () => folder({ virtual: () => devices }),
  })
}

function blockFolder(world: World, device: BlockDevice | undefined): KernelNode | undefined {
  if (!device) return undefined
  const { loop, mapping } = device
  const over = () => mappingsOver(world, device).map(mappingKernelName)
  const below = () => {
    const lower = mapping && blockAt(world, mapping.over)
    return lower ? [lower.name] : []
  }
  const links = (names: () => readonly string[]) =>
    listed(names, name => (names().includes(name) ? link(`${BLOCKS}/${name}`) : undefined))
  return folder({
    dev: () => text(device.number),
    dm: () => mapping && folder({ name: () => text(mapping.name), uuid: () => text(mapping.dmUuid) }),
    holders: () => links(over),
    loop: () => loop && loopFolder(world, loop),
    ro: () => text(device.readonly ? 1 : 0),
    size: () => text(Math.floor(device.sizeBytes / 512)),
    slaves: () => links(below),
  })
}

const loopFolder = (world: World, loop: SimLoop): KernelNode =>
  folder({
    autoclear: () => text(loop.detached ? 1 : 0),
    backing_file: () => text(backingName(world, loop)),
    dio: () => text(1),
    offset: () => text(0),
    sizelimit: () => text(0),
  })

/** `IFF_TAP | IFF_NO_PI` */
const TAP_FLAGS = '0x1002'

function netFolder(world: World, nic: SimInterface | undefined): KernelNode | undefined {
  if (!nic) return undefined
  const { kind, bridge = '' } = nic
  const onBridge = world.interfaces.get(bridge)?.kind === 'bridge'
  return folder({
    bridge: () => (kind === 'bridge' ? folder({ stp_state: () => text(0) }) : undefined),
    brport: () => (onBridge ? folder({ bridge: () => link(`${NET}/${bridge}`) }) : undefined),
    tun_flags: () => (kind === 'tap' ? text(TAP_FLAGS) : undefined),
  })
}

function proc(world: World): KernelNode {
  const all = processes(world)
  const fixed = folder({
    self: () => folder({ mountinfo: () => text(mountInfo(world)) }),
    swaps: () => text(swaps(world)),
    sys: () =>
      folder({
        kernel: () =>
          folder({
            osrelease: () => text('6.1.0-sim'),
            random: () => folder({ boot_id: () => text(world.bootId) }),
          }),
      }),
  })
  if (fixed.is !== 'folder') return fixed
  return listed(
    () => [...all.keys(), ...fixed.names()],
    name => {
      const process = all.get(name)
      return process ? processFolder(process) : fixed.child(name)
    },
  )
}

function processFolder({ comm, args, opened }: SimProcess): KernelNode {
  const fds = opened.map((path, index) => [String(index + 3), () => link(path)] as const)
  return folder({
    cmdline: () => ({ is: 'text', text: args.map(arg => `${arg}\0`).join('') }),
    comm: () => text(comm),
    fd: () => folder(Object.fromEntries(fds)),
  })
}

/** Blanks and backslashes as the kernel writes them. */
const escaped = (path: string): string =>
  path.replace(/[\s\\]/g, char => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`)

function mountInfo(world: World): string {
  const mounts = kernelUses(world).flatMap(({ path, mountPoint }, index) => {
    const number = blockAt(world, path)?.number
    if (mountPoint === undefined || number === undefined) return []
    return [`${index + 30} 1 ${number} / ${escaped(mountPoint)} rw,noatime - ext4 ${escaped(path)} rw`]
  })
  return ['20 1 254:0 / / rw,relatime - ext4 /dev/root rw', ...mounts].join('\n')
}

const swaps = (world: World): string =>
  [
    'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority',
    ...kernelUses(world)
      .filter(({ mountPoint }) => mountPoint === undefined)
      .map(({ path }) => `${escaped(path)}\tpartition\t1020\t0\t-2`),
  ].join('\n')

function dev(world: World): KernelNode {
  const direct = () => blockDevices(world).filter(({ node, mapping }) => !mapping && !node.includes('/', 5))
  const node = (path: string): KernelNode | undefined => {
    const device = blockAt(world, path)
    return device && { is: 'block', device }
  }
  return listed(
    () => ['loop-control', 'mapper', ...direct().map(device => device.node.slice('/dev/'.length))],
    name => {
      if (name === 'loop-control') return { is: 'other' }
      return name === 'mapper' ? mapper(world, node) : node(`/dev/${name}`)
    },
  )
}

const mapper = (world: World, node: (path: string) => KernelNode | undefined): KernelNode =>
  listed(
    () => ['control', ...world.mappings.keys()],
    name => (name === 'control' ? { is: 'other' } : node(`/dev/mapper/${name}`)),
  )

import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import { MIB } from '#src/core/sizes.ts'
import type { SimFile, SimLuks, World } from '#src/sim/world.ts'
import type { Event } from './deeds.ts'

export const SIZE = 32 * MIB
/** A disk of somebody else's. */
export const FOREIGN_DEVICE = '/dev/sdy'
const SOMEBODY = 'process 12 (dd)'

export interface Volume {
  readonly id: string
  readonly info: LocalConnectionInfo
  readonly luks: SimLuks | undefined
  readonly file: SimFile
  readonly tap: string
  /** Where it was connected last. */
  path: string
}

type Happen = (world: World, volume: Volume, other: Volume) => void

const storage = ({ files }: World, { info }: Volume): SimFile | undefined => files.get(info.data.device_path)

const viewOf = ({ id }: Volume): string => `crypt-${id}`

/** One who has a view open keeps it from going away. */
const isHeld = ({ users }: World, volume: Volume): boolean => users.has(`/dev/mapper/${viewOf(volume)}`)

/** What happens to a volume without anybody asking Holdfast. */
export const behindTheBack: Readonly<Record<Exclude<Event, 'restart'>, Happen>> = {
  vanish: ({ files }, { info }) => files.delete(info.data.device_path),
  'come-back': ({ files }, { info, file, luks }) => {
    files.set(info.data.device_path, Object.assign(file, { sizeBytes: SIZE, luks: luks && { ...luks } }))
  },
  grow: (world, volume) => {
    const file = storage(world, volume)
    if (file) file.sizeBytes *= 2
  },
  blank: (world, volume) => {
    const file = storage(world, volume)
    if (file) file.luks = undefined
  },
  damage: (world, volume) => {
    const luks = storage(world, volume)?.luks
    if (luks) luks.damaged = true
  },
  'other-header': (world, volume) => {
    const luks = storage(world, volume)?.luks
    if (luks) luks.uuid = world.random.uuid()
  },
  exchange: (world, volume, other) => {
    const [first, second] = [storage(world, volume), storage(world, other)]
    if (!first || !second) return
    world.files.set(volume.info.data.device_path, second).set(other.info.data.device_path, first)
  },
  'hold-view': (world, volume) => {
    if (world.mappings.has(viewOf(volume))) world.hold(`/dev/mapper/${viewOf(volume)}`, SOMEBODY)
  },
  'let-go': (world, volume) => world.release(`/dev/mapper/${viewOf(volume)}`, SOMEBODY),
  'stale-view': (world, volume) => {
    const { luks, id } = volume
    if (!luks || isHeld(world, volume)) return
    const name = viewOf(volume)
    const dmUuid = `CRYPT-LUKS${luks.version}-${id.replaceAll('-', '')}-${name}`
    world.mappings.set(name, { name, target: 'crypt', dmUuid, over: FOREIGN_DEVICE, sizeBytes: SIZE })
  },
  'foreign-view': (world, volume) => {
    const name = viewOf(volume)
    if (isHeld(world, volume)) return
    world.mappings.set(name, { name, target: 'linear', dmUuid: '', over: FOREIGN_DEVICE, sizeBytes: SIZE })
  },
  'no-view': (world, volume) => !isHeld(world, volume) && world.mappings.delete(viewOf(volume)),
  tap: ({ interfaces }, { tap }) => interfaces.set(tap, { name: tap, kind: 'tap', bridge: 'br0' }),
  'other-interface': ({ interfaces }, { tap }) => interfaces.set(tap, { name: tap, kind: 'other' }),
}

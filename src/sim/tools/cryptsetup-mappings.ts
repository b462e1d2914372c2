import type { CommandResult } from '#src/host/host.ts'
import { blockAt, freeMinor, removeMapping } from '../sysfs-blocks.ts'
import { hashOf, type SimLuks, type SimMapping, type World } from '../world.ts'
import { type Invocation, isClaimed, load, noKeyFits } from './cryptsetup-headers.ts'
import { done, fails } from './run.ts'

/** So long cryptsetup tries to remove what is in use: 25 times, 200 ms apart. */
const CLOSE_TRIES_MS = 5000

/** Whether a key slot opens. */
export const testPassphrase = async (world: World, { targets: [path = ''], input, signal }: Invocation) =>
  await world.look(
    `cryptsetup test-passphrase ${path}`,
    () => {
      const loaded = load(world, path)
      if ('end' in loaded) return loaded.end
      return hashOf(input) === loaded.luks.passphraseHash ? done : noKeyFits
    },
    signal,
  )

/** By three calls of the kernel: the device, its table, and then it goes. Who is killed in between leaves it without a table. */
export async function open(world: World, call: Invocation): Promise<CommandResult> {
  const [path = '', name = ''] = call.targets
  const point = `cryptsetup luksOpen ${name}`
  const make = () => makeDevice(world, path, name, call.input)
  const made = await world.effect(`${point}: create`, make, call.signal)
  if (made.exitCode !== 0) return made
  await world.effect(`${point}: load`, () => advance(world, name, 'loaded'), call.signal)
  return await world.effect(point, () => advance(world, name, undefined), call.signal)
}

function advance(world: World, name: string, bare: SimMapping['bare']): CommandResult {
  const mapping = world.mappings.get(name)
  if (!mapping) return fails(4, `Device ${name} is not active.`)
  world.mappings.set(name, { ...mapping, bare })
  return done
}

function makeDevice(world: World, path: string, name: string, passphrase: Uint8Array): CommandResult {
  const loaded = load(world, path)
  if ('end' in loaded) return loaded.end
  if (world.mappings.has(name)) return fails(5, `Device ${name} already exists.`)
  if (hashOf(passphrase) !== loaded.luks.passphraseHash) return noKeyFits
  if (isClaimed(world, path)) return inUse(path)
  const device = blockAt(world, path)
  const { luks } = loaded
  if (!device || device.sizeBytes <= luks.payloadOffsetBytes) {
    return fails(1, `Device ${path} is too small. (LUKS2 requires at least ${luks.payloadOffsetBytes + 1} bytes.)`)
  }
  world.mappings.set(name, {
    name,
    target: 'crypt',
    dmUuid: dmUuid(luks, name),
    over: device.node,
    sizeBytes: device.sizeBytes - luks.payloadOffsetBytes,
    minor: freeMinor(world),
    offsetBytes: luks.payloadOffsetBytes,
    cipher: luks.cipher,
    bare: 'created',
  })
  return done
}

const inUse = (path: string) => fails(5, `Cannot use device ${path} which is in use (already mapped or mounted).`)

const dmUuid = ({ version, uuid }: SimLuks, name: string): string =>
  `CRYPT-LUKS${version}-${uuid.replaceAll('-', '')}-${name}`

/** Also of mappings that are none of crypt. */
export async function close(world: World, { targets: [name = ''], signal }: Invocation): Promise<CommandResult> {
  const point = `cryptsetup luksClose ${name}`
  const first = await world.effect(point, () => remove(world, name), signal)
  if (first.exitCode !== 5) return first
  await world.clock.sleep(CLOSE_TRIES_MS, signal)
  return await world.effect(`${point}, the last time`, () => remove(world, name), signal)
}

function remove(world: World, name: string): CommandResult {
  const mapping = world.mappings.get(name)
  if (!mapping || mapping.bare) return fails(4, `Device ${name} is not active.`)
  if (world.holders(`/dev/mapper/${name}`).length > 0) {
    const words = `device-mapper: remove ioctl on ${name}  failed: Device or resource busy`
    return fails(5, `${words}\nDevice ${name} is still in use.`)
  }
  removeMapping(world, mapping)
  return done
}

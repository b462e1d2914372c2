import type { CommandResult } from '#src/host/host.ts'
import { attachedLoop } from '../sysfs-blocks.ts'
import type { World } from '../world.ts'
import { done, fails, type SimTool, says } from './run.ts'

/** `losetup` of util-linux, as far as it is called: attach the next free device, detach, take over the file's size. */
export const simLosetup =
  (world: World): SimTool =>
  async ({ args }, signal) => {
    const [verb] = args
    const target = args.at(-1) ?? ''
    if (verb === '--version') return says('losetup from util-linux 2.38.1\n')
    if (args.includes('--find') && args.includes('--show')) {
      const readonly = args.includes('--read-only')
      return await world.effect(`losetup attach ${target}`, () => attach(world, target, readonly), signal)
    }
    if (verb === '--detach') return await world.effect(`losetup detach ${target}`, () => detach(world, target), signal)
    if (verb === '--set-capacity') {
      return await world.effect(`losetup set-capacity ${target}`, () => refresh(world, target), signal)
    }
    return fails(1, `losetup: unrecognized option '${verb}'\nTry 'losetup --help' for more information.`)
  }

function attach(world: World, target: string, readonly: boolean): CommandResult {
  const file = world.files.get(target)
  if (!file || file.kind === 'directory') {
    const why = file ? 'Is a directory' : 'No such file or directory'
    return fails(1, `losetup: ${target}: failed to set up loop device: ${why}`)
  }
  let number = 0
  while (attachedLoop(world, `/dev/loop${number}`)) number++
  const path = `/dev/loop${number}`
  const mode = readonly ? { readonly } : {}
  world.loops.set(path, { path, file, backingPath: target, sizeBytes: file.sizeBytes, ...mode })
  return says(`${path}\n`)
}

/** While it is in use the kernel says yes, and lets it go with its last user. */
function detach(world: World, path: string): CommandResult {
  const loop = attachedLoop(world, path)
  if (!loop) return fails(1, `losetup: ${path}: detach failed: No such device or address`)
  if (world.holders(path).length > 0) loop.detached = true
  else world.loops.delete(path)
  return done
}

function refresh(world: World, path: string): CommandResult {
  const loop = attachedLoop(world, path)
  if (!loop) return fails(1, `losetup: ${path}: set capacity failed: No such device or address`)
  loop.sizeBytes = loop.file.sizeBytes
  return done
}

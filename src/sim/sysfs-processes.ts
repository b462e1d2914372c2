import { createHash } from 'node:crypto'
import type { World } from './world.ts'

/** A process, as `/proc` shows it to those who ask who has what open. */
export interface SimProcess {
  readonly pid: string
  readonly comm: string
  readonly args: readonly string[]
  /** Paths that it has open. */
  readonly opened: string[]
}

/** A use by the kernel itself, `a mount at /mnt` or `active swap`. */
export interface SimKernelUse {
  readonly path: string
  /** Undefined: swap. */
  readonly mountPoint?: string | undefined
}

const MOUNT = /^a mount at (\/.*)$/
const SWAP = 'active swap'
const PROCESS = /^process (\d+)(?: \((.*)\))?$/
const QEMU = /^qemu of instance (.+)$/
/** As long as the kernel lets it be. */
const COMM = 15

/** Everybody who has something open, by process id. The words of `world.users` tell who it is. */
export function processes(world: World): ReadonlyMap<string, SimProcess> {
  const found = new Map<string, SimProcess>()
  for (const [path, users] of world.users) {
    for (const words of users) {
      if (isKernelUse(words)) continue
      const process = processOf(words)
      const known = found.get(process.pid)
      if (known) known.opened.push(path)
      else found.set(process.pid, { ...process, opened: [path] })
    }
  }
  return found
}

export const kernelUses = (world: World): readonly SimKernelUse[] =>
  [...world.users].flatMap(([path, users]) =>
    [...users].filter(isKernelUse).map(words => ({ path, mountPoint: MOUNT.exec(words)?.[1] })),
  )

/** Whoever uses a device so that nobody else can have it for himself alone. */
export const isKernelUse = (words: string): boolean => words === SWAP || MOUNT.test(words)

function processOf(words: string): Omit<SimProcess, 'opened'> {
  const [, pid, comm = 'sleep'] = PROCESS.exec(words) ?? []
  if (pid !== undefined) return { pid, comm, args: [comm] }
  const made = String(10_000 + (createHash('md5').update(words).digest().readUInt32BE(0) % 2 ** 20))
  const guest = QEMU.exec(words)?.[1]
  if (guest === undefined) return { pid: made, comm: words.slice(0, COMM), args: [words] }
  const args = ['/usr/bin/qemu-system-x86_64', '-name', `guest=${guest},debug-threads=on`, '-S']
  return { pid: made, comm: 'qemu-system-x86', args }
}

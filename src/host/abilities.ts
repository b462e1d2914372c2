import { isHoldfastError } from '#src/core/error.ts'
import type { Host, Tool } from './host.ts'

/** One thing that this host can do or lacks. */
export interface Ability {
  readonly name: string
  readonly available: boolean
  /** Version, path or reason. */
  readonly detail: string
  readonly hint?: string | undefined
}

const MODPROBE = 'modprobe dm-crypt; without it only QEMU itself can decrypt (volume types with provider luks)'
const TOOLS: readonly Tool[] = ['cryptsetup', 'qemu-img', 'losetup', 'ip']

/** What this host can do of what Holdfast needs of it. Changes nothing, save that a kernel module may be loaded. */
export async function hostAbilities(host: Host): Promise<readonly Ability[]> {
  return await Promise.all([dmCryptAbility(host), loopAbility(host), ...TOOLS.map(tool => toolAbility(host, tool))])
}

/** Can volumes be opened by the kernel: device-mapper with its crypt target, loaded or ready to be, and cryptsetup. */
export async function dmCryptAbility(host: Host): Promise<Ability> {
  const name = 'dm-crypt'
  const no = (detail: string, hint: string) => ({ name, available: false, detail, hint })
  const tool = await toolAbility(host, 'cryptsetup')
  if (!tool.available) return { ...tool, name }
  if (!(await host.files.stat('/dev/mapper/control'))) {
    return no('the kernel has no device-mapper (/dev/mapper/control is not there)', MODPROBE)
  }
  const targets = await tried(host, 'dmsetup', ['targets'])
  if (!targets.ok && /No such device|No such file/.test(targets.words))
    return no('the kernel has no device-mapper', MODPROBE)
  if (!targets.ok) return no(targets.words, 'most verbs need root; is the kernel module dm-mod there?')
  const version = /^crypt\s+(v\S+)/m.exec(targets.words)?.[1]
  if (version !== undefined) return { name, available: true, detail: `target crypt ${version}` }
  if (await moduleThere(host, 'dm-crypt'))
    return { name, available: true, detail: 'kernel module dm-crypt, not loaded' }
  return no('the kernel has no crypt target', MODPROBE)
}

export async function loopAbility(host: Host): Promise<Ability> {
  const there = (await host.files.stat('/dev/loop-control')) !== undefined
  if (there) return { name: 'loop devices', available: true, detail: '/dev/loop-control' }
  return { name: 'loop devices', available: false, detail: '/dev/loop-control is not there', hint: 'modprobe loop' }
}

/** Is the program there, and of which version. */
export async function toolAbility(host: Host, tool: Tool): Promise<Ability> {
  const { ok, words, hint } = await tried(host, tool, [tool === 'ip' ? '-V' : '--version'])
  const version = /\d+(\.\d+)+[\w.-]*/.exec(words)?.[0]
  return { name: tool, available: ok, detail: (ok && version) || words.trim(), hint }
}

async function tried(host: Host, tool: Tool, args: readonly string[]) {
  try {
    const { stdout } = await host.run({ tool, args, deadlineMs: 10_000 })
    return { ok: true, words: stdout }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return { ok: false, words: error.message, hint: error.details.hint }
  }
}

async function moduleThere(host: Host, module: string): Promise<boolean> {
  const read = async (path: string) => Buffer.from((await host.files.read(path)) ?? []).toString()
  const release = (await read('/proc/sys/kernel/osrelease')).trim()
  const lists = await Promise.all(['dep', 'builtin'].map(list => read(`/lib/modules/${release}/modules.${list}`)))
  return lists.some(list => list.includes(`/${module}.ko`))
}

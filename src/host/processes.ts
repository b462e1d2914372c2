import { basename } from 'node:path'
import { printable } from './command-error.ts'
import type { FileFacts, Host } from './host.ts'
import { readText, seen } from './seen.ts'

/** Who has what open: by `fileKey` the process ids. Processes of which nothing may be seen are left out. */
export async function readOpenFiles(host: Host): Promise<ReadonlyMap<string, readonly string[]>> {
  const open = new Map<string, string[]>()
  for (const pid of ((await seen(host.files.list('/proc'))) ?? []).filter(name => /^\d+$/.test(name))) {
    const numbers = (await seen(host.files.list(`/proc/${pid}/fd`))) ?? []
    const files = await Promise.all(numbers.map(number => seen(host.files.stat(`/proc/${pid}/fd/${number}`))))
    const keys = new Set(files.flatMap(facts => (facts ? [fileKey(facts)] : [])))
    for (const key of keys) open.set(key, [...(open.get(key) ?? []), pid])
  }
  return open
}

/** A device may have many nodes, a file only one inode. */
export const fileKey = ({ kind, device, inode }: Pick<FileFacts, 'kind' | 'device' | 'inode'>): string =>
  kind === 'block' ? `block ${device}` : `${kind} ${device} ${inode}`

/** `process 12 (dd)`, or `domain web-1 (process 12)` for the QEMU of a libvirt domain. */
export async function describeProcess(host: Host, pid: string): Promise<string> {
  const domain = domainName(await readText(host, `/proc/${pid}/cmdline`))
  if (domain !== undefined) return `domain ${domain} (process ${pid})`
  const name = (await readText(host, `/proc/${pid}/comm`)).replace(/\n$/, '')
  return `process ${pid} (${printable(name).trim()})`
}

const QEMU = /^(?:qemu-system-[a-z0-9_]+|qemu-kvm|kvm)$/
/** As libvirt writes it (`src/qemu/qemu_command.c`, `qemuBuildNameCommandLine`); QEMU wants commas in values doubled. */
const GUEST = /^guest=((?:[^,]|,,)+)(?:,[a-z].*)?$/
/** No name of a domain has a slash or a line end (libvirt's `src/conf/domain_conf.c`); other control characters are not shown. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const NO_NAME = /[/\u0000-\u001f\u007f-\u009f\ufffd]/
const LONGEST_NAME = 255

/**
 * The domain's name in the argument list of a QEMU that libvirt started, as `/proc/<pid>/cmdline` has it; undefined for any
 * other list. A process writes its list itself: the name is for messages, never proof.
 */
export function domainName(commandLine: string): string | undefined {
  const [program = '', ...args] = commandLine.split('\0')
  const at = args.indexOf('-name')
  if (!QEMU.test(basename(program)) || at < 0 || at !== args.lastIndexOf('-name')) return undefined
  const name = GUEST.exec(args[at + 1] ?? '')?.[1]?.replaceAll(',,', ',')
  return name === undefined || name.length > LONGEST_NAME || NO_NAME.test(name) ? undefined : name
}

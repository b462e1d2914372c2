import { dirname } from 'node:path'
import { HoldfastError } from '#src/core/error.ts'
import type { FileFacts, Host } from '#src/host/host.ts'
import type { QemuUser } from './machine.ts'

/** A user with all its groups. */
export interface Identity extends QemuUser {
  readonly groups: ReadonlySet<number>
}

/** The user's groups as this system's files name them; libvirt gives QEMU all of them. */
export async function identityOf(host: Host, user: QemuUser): Promise<Identity> {
  const [users, groups] = await Promise.all([fieldsOf(host, '/etc/passwd'), fieldsOf(host, '/etc/group')])
  const name = users.find(fields => fields[2] === String(user.uid))?.[0]
  const members = groups.filter(fields => name !== undefined && fields[3]?.split(',').includes(name))
  return { ...user, groups: new Set([user.gid, ...members.map(fields => Number(fields[2]))]) }
}

async function fieldsOf(host: Host, path: string): Promise<readonly (readonly string[])[]> {
  const bytes = await host.files.read(path)
  return bytes
    ? new TextDecoder()
        .decode(bytes)
        .split('\n')
        .map(line => line.split(':'))
    : []
}

/**
 * That QEMU's user may pass every folder on the way to this path, links followed. libvirt gives it the file itself, but
 * never the folders above.
 * @throws HoldfastError `unreachable-path`, naming the folder
 */
export async function checkReach(host: Host, what: string, path: string, who: Identity | undefined): Promise<void> {
  if (who === undefined || who.uid === 0) return
  const real = (await host.files.realPath(path)) ?? path
  for (const folder of foldersAbove(real)) {
    const facts = await host.files.stat(folder)
    if (facts === undefined || maySearch(facts, who)) continue
    throw new HoldfastError(
      'forbidden',
      'unreachable-path',
      `${what} ${path} cannot be reached by QEMU's user (uid ${who.uid}): it may not pass the folder ${folder} (mode ${facts.mode.toString(8).padStart(4, '0')})`,
      { details: { layer: 'presentation', hint: `let others pass it: chmod o+x ${folder}` } },
    )
  }
}

/** From the root down. */
function foldersAbove(path: string): readonly string[] {
  const folder = dirname(path)
  return folder === path ? [] : [...foldersAbove(folder), folder]
}

/** As the kernel decides: the owner's bit for the owner, the group's for a member, the others' for everyone else. */
function maySearch(facts: FileFacts & { readonly gid?: number }, who: Identity): boolean {
  if (facts.uid === who.uid) return (facts.mode & 0o100) !== 0
  if (facts.gid !== undefined && who.groups.has(facts.gid)) return (facts.mode & 0o010) !== 0
  return (facts.mode & 0o001) !== 0
}

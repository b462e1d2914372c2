import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from '#src/host/host.ts'
import { listLoops } from '#src/host/loop.ts'
import { isLibvirtCode, type Libvirt, SecretUsage } from '#src/libvirt/index.ts'

/**
 * Breaks what a power cut and a clumsy repair break: QEMU is killed, the domain undefined, what decrypts the volume is taken away,
 * and something stale is put in its place. Answers what was done, for people.
 */
export async function breakHost(
  parts: { readonly host: Host; readonly libvirt: Libvirt },
  instanceId: string,
  volumeId: string,
): Promise<readonly string[]> {
  const done = [`QEMU killed with SIGKILL (process ${await killQemu(instanceId)})`]
  await undefineDomain(parts.libvirt, instanceId)
  done.push('domain undefined')
  const mapping = `crypt-${volumeId}`
  if ((await mappings(parts.host)).includes(mapping)) done.push(...(await staleLoop(parts.host, volumeId)))
  else done.push(...(await staleSecret(parts.libvirt, volumeId)))
  return done
}

async function killQemu(instanceId: string): Promise<number> {
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) continue
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
    if (!argv[0]?.includes('qemu') || argv[argv.indexOf('-uuid') + 1] !== instanceId) continue
    process.kill(pid, 'SIGKILL')
    return pid
  }
  throw new Error(`no QEMU runs for instance ${instanceId}`)
}

/** libvirt takes a moment to notice that QEMU is gone; until then the domain would stay as a transient one. */
async function undefineDomain(libvirt: Libvirt, instanceId: string): Promise<void> {
  const domain = await libvirt.domain.lookupByUUID(instanceId)
  const shutoff = 5
  while ((await libvirt.domain.getState(domain)).state !== shutoff) await sleep(20)
  await libvirt.domain.undefineFlags(domain, 0)
}

async function mappings(host: Host): Promise<readonly string[]> {
  if (!(await host.files.stat('/dev/mapper/control'))) return []
  return await host.files.list('/dev/mapper')
}

/** A second loop device over the volume's file: what is left of a process that died. */
async function staleLoop(host: Host, volumeId: string): Promise<readonly string[]> {
  const mine = (await listLoops(host)).find(({ backingPath }) => backingPath.includes(volumeId))
  if (!mine) throw new Error(`no loop device lies over the file of volume ${volumeId}`)
  await host.run({ tool: 'dmsetup', args: ['remove', `crypt-${volumeId}`] })
  await host.run({ tool: 'losetup', args: ['--find', mine.backingPath] })
  return ['crypt mapping removed', 'a second loop device over the same file left behind']
}

/** A secret of the right name with a value that opens nothing: what is left of an earlier volume's key. */
async function staleSecret(libvirt: Libvirt, volumeId: string): Promise<readonly string[]> {
  const done: string[] = []
  try {
    const secret = await libvirt.secret.lookupByUsage(SecretUsage.VOLUME, volumeId)
    await libvirt.secret.undefine(secret)
    done.push('libvirt secret removed')
  } catch (error) {
    if (!isLibvirtCode(error, 'NO_SECRET')) throw error
  }
  const xml = `<secret ephemeral='yes' private='yes'><uuid>${volumeId}</uuid><usage type='volume'><volume>${volumeId}</volume></usage></secret>`
  await libvirt.secret.setValue(await libvirt.secret.defineXML(xml), new TextEncoder().encode('not the key'))
  return [...done, 'a stale secret with the wrong key put in its place']
}

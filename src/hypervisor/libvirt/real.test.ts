import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPrivateLibvirtd } from '#lab/libvirtd.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { hypervisorConformance } from '#src/hypervisor/conformance.ts'
import type { HypervisorFixture } from '#src/hypervisor/conformance-fixture.ts'
import { Libvirt } from '#src/libvirt/index.ts'
import type { DomainDisk } from '../hypervisor.ts'
import { LibvirtHypervisor } from './libvirt-hypervisor.ts'
import { writeXml } from './xml.ts'

const MIB = 2 ** 20
const PASSPHRASE = new TextEncoder().encode('secret')
const host = createNodeHost({ name: 'test' })

/** A libvirtd of our own with real QEMU, emulated. */
async function makeFixture(): Promise<HypervisorFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-hv-'))
  await chmod(directory, 0o755)
  const daemon = await startPrivateLibvirtd({ dir: directory })
  const connect = () => new Libvirt({ socketPath: daemon.socketPath })
  /** What somebody else does goes over a connection of its own. */
  const [libvirt, other] = [connect(), connect()]
  const hypervisor = new LibvirtHypervisor({ host, libvirt, domainType: 'qemu' })
  const domainOf = (id: string) => other.domain.lookupByUUID(id)
  const signal = async (id: string, name: NodeJS.Signals) => {
    const pid = await qemuOf(id)
    process.kill(pid, name)
    while (await isAlive(pid)) await new Promise(resolve => setImmediate(resolve))
  }
  return {
    hypervisor,
    spec: () => newSpec(directory),
    disk: (target, { native = false } = {}) => newDisk(directory, target, native),
    removeFile: disk => rm(disk.source.path),
    growFile: (disk, bytes) => truncate(disk.source.path, bytes),
    async defineSecret(uuid) {
      const secret = await other.secret.defineXML(
        writeXml('secret', {
          '@ephemeral': 'yes',
          '@private': 'yes',
          uuid,
          usage: { '@type': 'volume', volume: uuid },
        }),
      )
      await other.secret.setValue(secret, PASSPHRASE)
    },
    async undefineSecret(uuid) {
      await other.secret.undefine(await other.secret.lookupByUUID(uuid))
    },
    killQemu: id => signal(id, 'SIGKILL'),
    powerOff: id => signal(id, 'SIGTERM'),
    reset: async id => await other.domain.reset(await domainOf(id)),
    pause: async id => await other.domain.suspend(await domainOf(id)),
    resume: async id => await other.domain.resume(await domainOf(id)),
    async defineForeign(uuid, name) {
      const memory = { '@unit': 'MiB', '#text': '64' }
      await other.domain.defineXMLFlags(
        writeXml('domain', { '@type': 'qemu', name, uuid, memory, os: { type: 'hvm' } }),
      )
    },
    stopLibvirt: () => daemon.kill(),
    startLibvirt: () => daemon.start(),
    async clean() {
      for (const dom of await other.connect.listAllDomains()) {
        if (await other.domain.isActive(dom)) await other.domain.destroyFlags(dom)
      }
      for (const dom of await other.connect.listAllDomains()) await other.domain.undefineFlags(dom)
    },
    async dispose() {
      await Promise.all([libvirt.close(), other.close()])
      await daemon.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function newSpec(directory: string) {
  const id = randomUUID()
  const consoleLog = join(directory, 'instances', id, 'console.log')
  return { id, name: `test-${id.slice(0, 8)}`, memoryMib: 32, cpus: 1, disks: [], interfaces: [], consoleLog }
}

async function newDisk(directory: string, target: string, native: boolean): Promise<DomainDisk> {
  const volumeId = randomUUID()
  const path = join(directory, `${volumeId}.img`)
  await writeFile(path, '', { mode: 0o600 })
  await truncate(path, native ? 4 * MIB : MIB)
  if (native) await formatLuks(path)
  const secretUuid = native ? randomUUID() : undefined
  const source = { mechanism: native ? 'native' : 'none', kind: 'file', path, sizeBytes: MIB, secretUuid } as const
  return { volumeId, target, source, readonly: false, shareable: false, discard: true }
}

/** LUKS1 is what QEMU reads; few iterations, for nothing is secret here. */
async function formatLuks(path: string): Promise<void> {
  const iterations = ['--pbkdf-force-iterations', '1000']
  const args = ['luksFormat', '--batch-mode', '--type', 'luks1', ...iterations, '--key-file', '-', path]
  await host.run({ tool: 'cryptsetup', args, input: PASSPHRASE })
}

/** The process that runs the domain: its command line has the UUID. */
async function qemuOf(id: string): Promise<number> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const args = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).split('\0')
    if (args[args.indexOf('-uuid') + 1] === id) return Number(entry)
  }
  throw new Error(`no QEMU runs domain ${id}`)
}

const isAlive = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat !== '' && !/\) [ZX] /.test(stat)
}

hypervisorConformance('LibvirtHypervisor', makeFixture, { skip: process.getuid?.() === 0 ? false : 'needs root' })

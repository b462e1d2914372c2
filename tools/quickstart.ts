/**
 * The main job of Holdfast on real parts, end to end: `npm run quickstart` (`-- --remove` takes everything away again).
 * Exits 0 only if the guest itself has read its data back.
 */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { loadConfig } from '#src/config/load-config.ts'
import { type ErrorDetails, isHoldfastError } from '#src/core/error.ts'
import type { Holdfast } from '#src/holdfast.ts'
import { tryKvm } from '#src/host/kvm.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { openHoldfast } from '#src/index.ts'
import { Libvirt } from '#src/libvirt/index.ts'
import { GUEST_KERNEL_ARGUMENTS, packGuest } from './guest/pack-guest.ts'
import { breakHost } from './quickstart/break-host.ts'
import { libvirtAnswers, startLibvirt, stopLibvirt } from './quickstart/libvirt-daemon.ts'
import { live } from './quickstart/life.ts'
import { Tree } from './quickstart/tree.ts'

const NAME = 'quickstart'
const VOLUME = `${NAME}-data`
const TYPE = 'encrypted'
const BOOT_MS = 90_000

const say = (text: string) => process.stdout.write(`${text}\n`)

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find(arg => arg !== '--remove')
  if (unknown !== undefined) {
    process.stderr.write(`quickstart: unknown argument ${JSON.stringify(unknown)}; the only one is --remove\n`)
    return 2
  }
  const config = await loadConfig({ flags: {}, env: process.env, uid: process.getuid?.() ?? -1 })
  const runDirectory = join(config.stateDirectory, 'quickstart')
  if (args.includes('--remove')) return await remove(config, runDirectory)
  const tree = new Tree(text => process.stdout.write(text), process.stdout.isTTY === true)
  const host = createNodeHost()
  await host.files.makeDirectory(config.stateDirectory, 0o711)
  await host.files.makeDirectory(runDirectory, 0o711)
  await tree.act('look at this host', async () => {
    for (const line of await prepareLibvirt(config, runDirectory)) tree.note(line)
  })
  const guest = await tree.act('pack a small guest', () => packGuest({ outDir: join(runDirectory, 'guest') }))
  await using holdfast = await openHoldfast(config, { mode: 'write' })
  await forget(holdfast)
  await using libvirt = new Libvirt({ socketPath: config.libvirtSocket })
  const { proof } = await live(holdfast, tree, {
    name: NAME,
    volumeType: TYPE,
    provider: 'luks',
    guest,
    append: GUEST_KERNEL_ARGUMENTS,
    memoryMib: 192,
    marker: `hf-${randomBytes(6).toString('hex')}`,
    breakHost: (instanceId, volumeId) => breakHost({ host, libvirt }, instanceId, volumeId),
    bootMs: BOOT_MS,
  })
  tree.summary()
  say(`\nThe guest itself says, after the hard reboot:\n  ${proof}\n`)
  say(nextSteps(config))
  return 0
}

async function prepareLibvirt(config: HoldfastConfig, runDirectory: string): Promise<readonly string[]> {
  const host = createNodeHost()
  const kvm = config.domainType === 'auto' ? await tryKvm(host, runDirectory) : config.domainType === 'kvm'
  const seen = [kvm ? 'KVM works: guests run on it' : 'KVM does not work here: guests are emulated (TCG)']
  if (await libvirtAnswers(config.libvirtSocket)) return [...seen, 'libvirt runs']
  const how = await startLibvirt({ socketPath: config.libvirtSocket, runDirectory, coverKvm: !kvm })
  return [...seen, `libvirt started ${how}`]
}

/** Takes away what an earlier run left to play with. */
async function forget(holdfast: Holdfast): Promise<void> {
  for (const { record } of await holdfast.instances.list()) {
    if (record.name === NAME) await holdfast.instances.delete(record.id)
  }
  for (const volume of await holdfast.volumes.getAll({ name: VOLUME })) await holdfast.volumes.delete(volume.id)
}

async function remove(config: HoldfastConfig, runDirectory: string): Promise<number> {
  const empty = await forgetAll(config)
  const stopped = await stopLibvirt(runDirectory)
  await rm(empty ? config.stateDirectory : runDirectory, { recursive: true, force: true })
  say(`instance, volume and guest are removed${stopped ? '; the libvirt that was started for them is stopped' : ''}`)
  say(empty ? `${config.stateDirectory} is removed` : `what else you made stays in ${config.stateDirectory}`)
  return 0
}

/** True if nothing is left in the state that anybody made. */
async function forgetAll(config: HoldfastConfig): Promise<boolean> {
  await using holdfast = await openHoldfast(config, { mode: 'write' })
  await forget(holdfast)
  const { volumes, instances } = holdfast
  const used = (await volumes.getAll()).some(volume => volume.volumeType === TYPE)
  if (!used && (await volumes.getAllVolumeTypes()).some(type => type.name === TYPE))
    await volumes.deleteVolumeType(TYPE)
  const left = await Promise.all([
    volumes.getAll(),
    volumes.getAllSnapshots(),
    volumes.getAllVolumeTypes(),
    instances.list(),
  ])
  return left.every(rows => rows.length === 0)
}

const nextSteps = (config: HoldfastConfig) => `The instance runs on. Try:
  npx holdfast instance list
  npx holdfast instance show ${NAME}
  npx holdfast instance console ${NAME}
  npx holdfast instance reboot --hard ${NAME} --dry-run
  npx holdfast volume create --size 1 --type ${TYPE} more && npx holdfast instance attach ${NAME} more
  npx holdfast operation list --all
Its state lies in ${config.stateDirectory}. To remove everything again:
  npm run quickstart -- --remove`

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const details: ErrorDetails = isHoldfastError(error) ? error.details : {}
  process.stderr.write(`quickstart: ${error instanceof Error ? error.message : String(error)}\n`)
  if (details.left) process.stderr.write(`left: ${details.left}\n`)
  if (details.hint) process.stderr.write(`hint: ${details.hint}\n`)
  process.exitCode = 1
}

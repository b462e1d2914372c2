import type { Change } from '#src/core/change.ts'
import { formatMs, withDeadline } from '#src/core/deadline.ts'
import { type ErrorDetails, HoldfastError, hasCode } from '#src/core/error.ts'
import type { DomainDisk, WaitOptions } from '#src/hypervisor/hypervisor.ts'
import {
  DomainAffect,
  DomainBlockResize,
  isConnectionError,
  isLibvirtCode,
  isLibvirtError,
} from '#src/libvirt/index.ts'
import type { Context } from './context.ts'
import { isBuffered } from './direct-io.ts'
import { diskXml, foundDiskXml } from './disk-xml.ts'
import type { DomainConfiguration, FoundDisk } from './domain-facts.ts'
import { mayHaveEnded, translated } from './errors.ts'
import { diskOf, type Look, lookExisting, lookOwn } from './look.ts'
import { type Watch, watching } from './watch.ts'

/** A domain that starts or stops between look and request is looked at again, this often. */
const ATTEMPTS = 5
const LOOK_AGAIN_MS = 200

const layer = 'presentation'

/**
 * Adds the disk wherever it lacks. libvirt changes the persistent and the running configuration in one request, and
 * neither if the guest does not take the disk.
 */
export async function present(context: Context, id: string, disk: DomainDisk, wait: WaitOptions): Promise<Change> {
  const { libvirt, host } = context
  const what = `presenting volume ${disk.volumeId} to domain ${id} as ${disk.target}`
  return await translated(what, { instance: id, volume: disk.volumeId, layer }, () =>
    withDeadline(host.clock, wait.deadlineMs, what, wait.signal, async signal => {
      const xml = diskXml(disk, await isBuffered(context, disk.source, signal))
      for (let attempt = 0; ; attempt++) {
        const found = await lookExisting(libvirt, id, signal)
        const lacking = whereLacking(found, disk)
        if (lacking === 0) return attempt === 0 ? 'already' : 'made'
        if (attempt === ATTEMPTS) throw notPresented(found, disk)
        await attach(context, found, xml, lacking, signal)
      }
    }),
  )
}

/** Flags of `DomainAffect` for the configurations without this disk. */
function whereLacking(found: Look, disk: DomainDisk): number {
  const live = found.live && !isThere(found.live, disk) ? DomainAffect.LIVE : 0
  const config = found.persistent && !isThere(found.persistent, disk) ? DomainAffect.CONFIG : 0
  return live | config
}

function isThere(configuration: DomainConfiguration, disk: DomainDisk): boolean {
  const own = diskOf(configuration, disk.volumeId)
  const { path, secretUuid, network } = disk.source
  if (own) {
    const sameSecrets = own.secretUuid === secretUuid && own.authSecretUuid === network?.auth?.secretUuid
    if (own.path === path && sameSecrets && own.target === disk.target) return true
    throw conflict(
      disk,
      `domain '${configuration.name}' already has it as ${own.target} from ${own.path ?? 'elsewhere'}`,
    )
  }
  const other = configuration.disks.find(({ target }) => target === disk.target)
  if (other) throw conflict(disk, `domain '${configuration.name}' already has another disk as ${disk.target}`)
  return false
}

const conflict = (disk: DomainDisk, reason: string) =>
  new HoldfastError(
    'conflict',
    'disk-conflict',
    `volume ${disk.volumeId} cannot be presented as ${disk.target}: ${reason}`,
    {
      details: { volume: disk.volumeId, layer },
    },
  )

const notPresented = (found: Look, disk: DomainDisk) =>
  new HoldfastError(
    'busy',
    'hypervisor-error',
    `domain '${found.name}' does not show volume ${disk.volumeId} although libvirt took it ${ATTEMPTS} times`,
    { details: { volume: disk.volumeId, layer } },
  )

/** Attaches; that the run ended meanwhile is for the next look to see, once libvirt knows. */
async function attach(
  { libvirt, host }: Context,
  { dom }: Look,
  xml: string,
  flags: number,
  signal: AbortSignal,
): Promise<void> {
  try {
    await libvirt.domain.attachDeviceFlags(dom, xml, flags, { signal })
  } catch (error) {
    if (!mayHaveEnded(error)) throw error
    await host.clock.sleep(LOOK_AGAIN_MS, signal)
  }
}

/**
 * Takes the disk from the guest, then from the persistent configuration; so a guest that keeps it leaves both as they
 * were. What is gone from one is still taken from the other (Launchpad 1727260).
 */
export async function withdraw(context: Context, id: string, volumeId: string, wait: WaitOptions): Promise<Change> {
  const what = `withdrawing volume ${volumeId} from domain ${id}`
  const asked: Asked = new Map()
  try {
    return await translated(what, { volume: volumeId }, () =>
      watching(context, id, what, wait, async watch => {
        let change: Change = 'already'
        return await watch.until(async () => {
          const found = await lookOwn(context.libvirt, id, watch.signal)
          const live = diskOf(found?.live, volumeId)
          if (found && live) {
            change = 'made'
            await askGuest(context, found, live, watch, asked)
            return undefined
          }
          const stored = diskOf(found?.persistent, volumeId)
          if (!found || !stored) return change
          change = 'made'
          await forget(context, found, stored, watch.signal)
          watch.hear({ kind: 'gap' })
          return undefined
        })
      }),
    )
  } catch (error) {
    throw hasCode(error, 'timeout') && asked.size > 0
      ? kept(id, volumeId, `within ${formatMs(wait.deadlineMs)}`, error)
      : error
  }
}

/** Devices, by run and alias, that the guest was asked to let go, and when (`clock.monotonic`). */
type Asked = Map<string, number>

/**
 * Asking again too soon disturbs an unplug in progress (Launchpad 1882521, 1923206); but a guest that was still booting has
 * not heard the request and never will. So it is asked again after Nova's `device_detach_timeout`; QEMU refuses that while it
 * still waits for the guest, and the answer is then that of the earlier request.
 */
const ASK_AGAIN_MS = 20_000

async function askGuest(context: Context, found: Look, disk: FoundDisk, watch: Watch, asked: Asked): Promise<void> {
  const { alias } = disk
  if (alias === undefined)
    throw new HoldfastError('internal', 'internal', `disk ${disk.target} of domain '${found.name}' has no alias`)
  if (watch.heard('device-removal-failed', alias)) throw kept(found.id, disk.volumeId ?? alias, 'and says so')
  const key = `${found.live?.runtimeId} ${alias}`
  const now = context.host.clock.monotonic()
  if (now - (asked.get(key) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN_MS) return
  asked.set(key, now)
  try {
    await context.libvirt.domain.detachDeviceAlias(found.dom, alias, DomainAffect.LIVE, { signal: watch.signal })
  } catch (error) {
    if (isConnectionError(error) && !error.sent) asked.delete(key)
    if (!isBeingDecided(error)) throw error
  }
  // libvirt itself waits some seconds for the guest, so it may be gone by now.
  watch.hear({ kind: 'gap' })
}

/** Answers after which the next look, or the event of an earlier request, tells. */
function isBeingDecided(error: unknown): boolean {
  if (isLibvirtCode(error, 'DEVICE_MISSING') || mayHaveEnded(error)) return true
  return isLibvirtError(error) && /already in the process of unplug|device not found|no target device/i.test(error.text)
}

async function forget(context: Context, found: Look, disk: FoundDisk, signal: AbortSignal): Promise<void> {
  const { domain } = context.libvirt
  try {
    if (disk.alias !== undefined)
      return await domain.detachDeviceAlias(found.dom, disk.alias, DomainAffect.CONFIG, { signal })
    await domain.detachDeviceFlags(found.dom, foundDiskXml(disk), DomainAffect.CONFIG, { signal })
  } catch (error) {
    if (!isLibvirtCode(error, 'DEVICE_MISSING', 'NO_DOMAIN', 'OPERATION_INVALID')) throw error
  }
}

function kept(id: string, volumeId: string, how: string, cause?: unknown): HoldfastError {
  const details: ErrorDetails = {
    instance: id,
    volume: volumeId,
    layer,
    left: 'the disk is still in the guest and in its configuration',
    hint: 'unmount the disk in the guest and detach again, or stop the instance first',
  }
  return new HoldfastError(
    'busy',
    'device-detach-failed',
    `the guest of domain ${id} does not let go of volume ${volumeId} ${how}`,
    {
      cause,
      details,
    },
  )
}

/** A domain that is off learns the size when it starts. */
export async function resize(
  context: Context,
  id: string,
  volumeId: string,
  bytes: number,
  signal?: AbortSignal,
): Promise<void> {
  const what = `telling domain ${id} the size of volume ${volumeId}`
  await translated(what, { instance: id, volume: volumeId, layer }, async () => {
    const found = await lookExisting(context.libvirt, id, signal)
    if (!found.live) return
    const disk = diskOf(found.live, volumeId)
    if (!disk)
      throw new HoldfastError('not-found', 'disk-not-found', `domain '${found.name}' has no disk of volume ${volumeId}`)
    try {
      await context.libvirt.domain.blockResize(found.dom, disk.target, bytes, DomainBlockResize.BYTES, { signal })
    } catch (error) {
      if (!mayHaveEnded(error)) throw error
      const now = await lookExisting(context.libvirt, id, signal)
      if (now.live?.runtimeId === found.live.runtimeId) throw error
    }
  })
}

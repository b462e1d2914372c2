import type { Change } from '#src/core/change.ts'
import { formatMs } from '#src/core/deadline.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { WaitOptions } from '#src/hypervisor/hypervisor.ts'
import { DomainPausedReason, DomainStart, isLibvirtCode, type LibvirtError } from '#src/libvirt/index.ts'
import type { Context } from './context.ts'
import { domainNotRunning, mayHaveEnded, translated } from './errors.ts'
import { type Look, lookExisting, lookOwn } from './look.ts'
import { type Watch, watching } from './watch.ts'

/** A guest that is still booting does not hear the power button: it is pressed again (Nova `shutdown_retry_interval`). */
const PRESS_AGAIN_MS = 10_000
/** Runs that somebody else began while we were ending one; more is a fight that nobody wins. */
const MAX_RUNS = 5

/** Boots afresh: a managed save would bring back disks as they were when it was made, whatever is configured now. */
export async function start(context: Context, id: string, signal?: AbortSignal): Promise<Change> {
  const { libvirt } = context
  return await translated(`starting domain ${id}`, { instance: id, layer: 'presentation' }, async () => {
    const found = await lookExisting(libvirt, id, signal)
    if (found.live) return 'already'
    try {
      await libvirt.domain.createWithFlags(found.dom, DomainStart.FORCE_BOOT, { signal })
    } catch (error) {
      if (!isLibvirtCode(error, 'OPERATION_INVALID')) throw error
      if ((await lookExisting(libvirt, id, signal)).live) return 'already'
      throw error
    }
    return 'made'
  })
}

/** A domain that is off will not run by waiting: it failed. */
export async function waitRunning(context: Context, id: string, wait: WaitOptions): Promise<void> {
  await watching(context, id, `waiting for domain ${id} to run`, wait, async watch => {
    await watch.until(async () => {
      const found = await lookExisting(context.libvirt, id, watch.signal)
      if (found.state === 'running') return found
      if (!found.live || found.state === 'crashed') throw domainNotRunning(found.name, found.state)
      if (found.state === 'paused' && found.reason === DomainPausedReason.IOERROR) throw pausedByIo(found.name)
      return undefined
    })
  })
}

const pausedByIo = (name: string) =>
  new HoldfastError(
    'wrong-state',
    'domain-not-running',
    `domain '${name}' is paused: one of its disks gave an I/O error`,
    {
      details: {
        layer: 'presentation',
        hint: 'see that the storage below its disks has space and is there, then reboot it hard',
      },
    },
  )

export async function shutdown(context: Context, id: string, wait: WaitOptions): Promise<Change> {
  const { clock } = context.host
  return await watching(context, id, `shutting down domain ${id}`, wait, async watch => {
    let pressed: { run: number | undefined; at: number } | undefined
    return await watch.until(async (): Promise<Change | undefined> => {
      const found = await lookOwn(context.libvirt, id, watch.signal)
      if (!found?.live) return pressed ? 'made' : 'already'
      const now = clock.monotonic()
      if (pressed?.run === found.live.runtimeId && now - (pressed?.at ?? 0) < PRESS_AGAIN_MS) return undefined
      pressed = { run: found.live.runtimeId, at: now }
      await pressPower(context, found, watch)
      return undefined
    })
  })
}

/** That the guest went off in this moment is for the next look to see. */
async function pressPower({ libvirt }: Context, { dom }: Look, watch: Watch): Promise<void> {
  try {
    await libvirt.domain.shutdownFlags(dom, 0, { signal: watch.signal })
  } catch (error) {
    if (!mayHaveEnded(error)) throw error
  }
}

/** By ACPI. Reset by the guest, or ended and begun again by anybody: both are a reboot. */
export async function reboot(context: Context, id: string, wait: WaitOptions): Promise<void> {
  const { libvirt } = context
  await watching(context, id, `rebooting domain ${id}`, wait, async watch => {
    const before = await lookExisting(libvirt, id, watch.signal)
    if (before.state !== 'running') throw domainNotRunning(before.name, before.state)
    let ended = false
    try {
      await libvirt.domain.reboot(before.dom, 0, { signal: watch.signal })
    } catch (error) {
      if (!mayHaveEnded(error)) throw error
      ended = true
    }
    await watch.until(async () => {
      const now = await lookExisting(libvirt, id, watch.signal)
      if (!now.live) throw domainNotRunning(now.name, now.state)
      const rebooted = (!ended && watch.heard('reboot')) || now.live.runtimeId !== before.live?.runtimeId
      return rebooted && now.state === 'running' ? true : undefined
    })
  })
}

/**
 * Ends every run, one begun in the meantime too (Launchpad 1111213: ids of runs are compared). A QEMU that does not die
 * hangs in the kernel: the wait ends at its deadline and says so.
 */
export async function destroy(context: Context, id: string, wait: WaitOptions): Promise<Change> {
  const runs = new Set<number>()
  const stuck: { error?: LibvirtError } = {}
  try {
    return await watching(context, id, `destroying domain ${id}`, wait, watch =>
      watch.until(async (): Promise<Change | undefined> => {
        const found = await lookOwn(context.libvirt, id, watch.signal)
        if (!found?.live) return runs.size > 0 ? 'made' : 'already'
        if (found.live.runtimeId !== undefined) runs.add(found.live.runtimeId)
        if (runs.size > MAX_RUNS) throw restartedAgain(found.name)
        return await pullPlug(context, found, watch, stuck)
      }),
    )
  } catch (error) {
    throw hasCode(error, 'timeout') && stuck.error ? stuckError(id, wait, stuck.error) : error
  }
}

/** Gives an answer if that run is ended; otherwise an event or the next look decides. */
async function pullPlug(
  { libvirt }: Context,
  found: Look,
  watch: Watch,
  stuck: { error?: LibvirtError },
): Promise<Change | undefined> {
  try {
    await libvirt.domain.destroyFlags(found.dom, 0, { signal: watch.signal })
  } catch (error) {
    if (mayHaveEnded(error)) return undefined
    // QEMU outlived SIGKILL (libvirt says EBUSY), or its job lock is held by a request that hangs.
    if (!isLibvirtCode(error, 'SYSTEM_ERROR', 'OPERATION_TIMEOUT')) throw error
    stuck.error = error
    return undefined
  }
  const now = await lookOwn(libvirt, found.id, watch.signal)
  if (!now?.live) return 'made'
  if (now.live.runtimeId !== found.live?.runtimeId) watch.hear({ kind: 'gap' })
  return undefined
}

const restartedAgain = (name: string) =>
  new HoldfastError(
    'busy',
    'domain-restarted',
    `domain '${name}' was started again each of the ${MAX_RUNS} times that it was destroyed`,
    {
      details: {
        layer: 'presentation',
        hint: 'find out what starts it: another tool on this host manages the same domain',
      },
    },
  )

const stuckError = (id: string, wait: WaitOptions, cause: LibvirtError) =>
  new HoldfastError(
    'timeout',
    'timeout',
    `the QEMU process of domain ${id} did not end within ${formatMs(wait.deadlineMs)}: ${cause.text}`,
    {
      cause,
      details: {
        instance: id,
        layer: 'presentation',
        left: 'the process is still there and may still write to its disks',
        hint: 'it most likely waits for storage that does not answer; bring the storage back or reboot the host',
      },
    },
  )

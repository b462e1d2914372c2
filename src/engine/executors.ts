import type { Need } from '#src/core/budget.ts'
import type { Change } from '#src/core/change.ts'
import type { ConnectionInfo } from '#src/core/connection-info.ts'
import { HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import type { InterfaceRecord } from '#src/store/records.ts'
import type { Write } from '#src/store/store.ts'
import type { VolumeStatus } from '#src/volumes/volume-service.ts'
import { flowOf } from './attachment/choose.ts'
import { needOfDerivation, type Resource } from './bounds.ts'
import { checkAttachments, checkHost, checkVolume, preflight } from './check.ts'
import { domainDisk, domainSpec } from './domain-spec.ts'
import type { Action } from './step.ts'
import { verifyInstance, verifyVolume } from './verify.ts'
import type { Walk } from './walk.ts'

export interface StepResult {
  readonly change: Change
  /** Facts to record together with the step's outcome. */
  readonly writes?: readonly Write[]
}

/** Runs one kind of step. Idempotent: run twice it ends the same, and says 'already' the second time where it can tell. */
type Executor = (walk: Walk, subject: string, signal: AbortSignal) => Promise<StepResult>

const LOOKED: StepResult = { change: 'already' }

/** The compiler demands one executor for each action. */
export const EXECUTORS: Readonly<Record<Action, Executor>> = {
  reserve,
  export: exportVolume,
  check: checkAndChoose,
  connect,
  unlock,
  present,
  complete,
  'begin-detaching': beginDetaching,
  'roll-detaching': rollDetaching,
  withdraw: async (walk, volumeId, signal) => ({
    change: await walk.parts.hypervisor.withdraw(walk.instance.id, volumeId, {
      deadlineMs: walk.parts.settings.deadlines.detach,
      signal,
    }),
  }),
  lock,
  disconnect,
  release,
  'forget-mapping': async (walk, volumeId) => ({ change: 'made', writes: [walk.removeMapping(volumeId)] }),
  'delete-volume': deleteVolume,

  plug: async (walk, portId, signal) => ({ change: await walk.parts.nic.plug(nic(walk, portId), signal) }),
  unplug: async (walk, portId, signal) => ({ change: await walk.parts.nic.unplug(nic(walk, portId), signal) }),

  preflight: async (walk, _, signal) => {
    await preflight(walk, signal)
    return LOOKED
  },
  'check-attachments': async (walk, _, signal) => {
    await checkAttachments(walk, signal)
    return LOOKED
  },
  'check-host': async (walk, _, signal) => {
    await checkHost(walk, filesBelow(walk), signal)
    return LOOKED
  },
  define,
  verify: async (walk, _, signal) => {
    await verifyInstance(walk, signal)
    return LOOKED
  },
  start: async (walk, id, signal) => ({ change: await walk.parts.hypervisor.start(id, signal) }),
  'await-running': async (walk, id, signal) => {
    await walk.parts.hypervisor.waitRunning(id, { deadlineMs: walk.parts.settings.deadlines.boot, signal })
    return LOOKED
  },
  'soft-reboot': async (walk, id, signal) => {
    const deadlineMs = walk.graceMs ?? walk.parts.settings.deadlines.softReboot
    await walk.parts.hypervisor.reboot(id, { deadlineMs, signal })
    return { change: 'made' }
  },
  shutdown,
  destroy: async (walk, id, signal) => ({
    change: await walk.parts.hypervisor.destroy(id, { deadlineMs: walk.parts.settings.deadlines.step, signal }),
  }),
  undefine: async (walk, id, signal) => ({
    change: await walk.parts.hypervisor.undefine(id, { forget: false }, signal),
  }),
  'forget-domain': async (walk, id, signal) => ({
    change: await walk.parts.hypervisor.undefine(id, { forget: true }, signal),
  }),
  'forget-instance': async (walk, id) => ({
    change: 'made',
    writes: [...walk.mappings.map(row => walk.removeMapping(row.volumeId)), { remove: 'instance', id }],
  }),
}

async function reserve(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  const patch = await flowOf(walk, volumeId).reserve(walk, volumeId, signal)
  return { change: 'made', writes: [walk.patchMapping(volumeId, patch)] }
}

/** Asks for connection info and encryption metadata, and records both before anything is done with them. */
async function exportVolume(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  const connectionInfo = await flowOf(walk, volumeId).export(walk, volumeId, signal)
  if (!connectionInfo) {
    throw new HoldfastError(
      'unavailable',
      'connection-info-missing',
      `the volume service gives no connection info for volume ${volumeId}`,
      { details: { volume: volumeId, layer: 'connection' } },
    )
  }
  const encryption = await walk.services(volumeId).volumes.getVolumeEncryptionMetadata(volumeId, signal)
  const luksUuid = connectionInfo.data.luks_uuid
  return { change: 'made', writes: [walk.patchMapping(volumeId, { connectionInfo, encryption, luksUuid })] }
}

/** Checks the volume and records the way of decryption, so that a crash from here on knows what to close. */
async function checkAndChoose(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  const { mechanism, source } = await checkVolume(walk, volumeId, signal)
  walk.sources.set(volumeId, source)
  if (walk.mapping(volumeId).mechanism === mechanism) return LOOKED
  return { change: 'already', writes: [walk.patchMapping(volumeId, { mechanism })] }
}

/** Volumes that QEMU opens as the file that `check` found. */
const filesBelow = (walk: Walk) =>
  new Map([...walk.sources].filter(([volumeId]) => walk.mapping(volumeId).mechanism !== 'dm-crypt'))

async function connect(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  const info = walk.connectionInfo(volumeId)
  checkMadeForUs(walk, info)
  const asBlock = required(walk, volumeId).needsBlock
  const { change, source } = await walk.connector(info).connect(info, { asBlock }, signal)
  walk.sources.set(volumeId, source)
  return { change }
}

/** Connection info holds for one host and one attachment: with another's a device may be somebody else's (I2). */
function checkMadeForUs(walk: Walk, { volume_id: volume, host, attachment_id: attachment }: ConnectionInfo): void {
  const { hostName } = walk.parts.settings
  const details = { volume, layer: 'connection' } as const
  if (host !== hostName) {
    const message = `connection info of volume ${volume} was made for host '${host}', this is '${hostName}'`
    throw new HoldfastError('unsafe', 'wrong-host', message, { details })
  }
  const { attachmentId } = walk.mapping(volume)
  if (attachment === undefined || attachmentId === undefined || attachment === attachmentId) return
  const message = `connection info of volume ${volume} was made for attachment ${attachment}, not for ${attachmentId}`
  throw new HoldfastError('unsafe', 'wrong-attachment', message, { details })
}

async function unlock(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  const { encryption, luksUuid } = walk.mapping(volumeId)
  const source = walk.sources.get(volumeId)
  if (!source) throw new HoldfastError('internal', 'internal', `volume ${volumeId} is not connected`)
  const passphrase = await walk.passphrase(volumeId, signal)
  const request = { volumeId, source, encryption, luksUuid }
  const { change, view } = await required(walk, volumeId).unlock(request, passphrase, signal)
  walk.views.set(volumeId, view)
  if (luksUuid !== undefined || view.luksUuid === undefined) return { change }
  return { change, writes: [walk.patchMapping(volumeId, { luksUuid: view.luksUuid })] }
}

/** What unlocking this volume takes of the host. Its key is fetched now: nothing is kept from others while a key manager is slow. */
export async function derivationOf(walk: Walk, volumeId: string, signal: AbortSignal): Promise<Need<Resource>> {
  const source = walk.sources.get(volumeId)
  const { encryption, luksUuid } = walk.mapping(volumeId)
  if (!source || !encryption) return {}
  await walk.passphrase(volumeId, signal)
  return needOfDerivation(await required(walk, volumeId).cost({ volumeId, source, encryption, luksUuid }, signal))
}

const required = (walk: Walk, volumeId: string) => {
  const encryptor = walk.encryptor(volumeId)
  if (encryptor) return encryptor
  throw new HoldfastError('internal', 'internal', `no way of decryption is recorded for volume ${volumeId}`)
}

async function present(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  const view = await verifyVolume(walk, volumeId, signal)
  const disk = domainDisk(walk.mapping(volumeId), view)
  const wait = { deadlineMs: walk.parts.settings.deadlines.step, signal }
  try {
    return { change: await walk.parts.hypervisor.present(walk.instance.id, disk, wait) }
  } catch (error) {
    // One that is off may have lost its domain to a reboot that failed; the next start makes it from the records.
    if (walk.instance.status === 'SHUTOFF' && hasCode(error, 'domain-not-found')) return { change: 'already' }
    throw error
  }
}

async function complete(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  return { change: await flowOf(walk, volumeId).complete(walk, volumeId, signal) }
}

/** Where the volume service no longer knows the attachment there is none to give up: the volume may be another's by now. */
async function beginDetaching(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  if (!(await flowOf(walk, volumeId).isStanding(walk, volumeId, signal))) return { change: 'already' }
  await walk.services(volumeId).volumes.beginDetaching(volumeId, signal)
  return { change: 'made' }
}

/** Only while the guest has the disk: once it has let go, although the answer was an error, there is no way back. */
async function rollDetaching(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  if (!(await flowOf(walk, volumeId).isStanding(walk, volumeId, signal))) return { change: 'already' }
  const domain = await walk.parts.hypervisor.observe(walk.instance.id, signal)
  const disks = domain?.runtimeId === undefined ? domain?.persistentDisks : domain.liveDisks
  if (disks && !disks.some(disk => disk.volumeId === volumeId)) {
    const message = `the guest has let go of volume ${volumeId} already: the detach can only be driven to its end`
    throw new HoldfastError('wrong-state', 'disk-not-found', message, {
      details: { volume: volumeId, layer: 'presentation' },
    })
  }
  await walk.services(volumeId).volumes.rollDetaching(volumeId, signal)
  return { change: 'made' }
}

/** Where nothing was ever recorded of a mechanism nothing was unlocked: the choice is recorded before the first unlock. */
async function lock(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  walk.views.delete(volumeId)
  const { luksUuid } = walk.mapping(volumeId)
  return { change: (await walk.encryptor(volumeId)?.lock({ volumeId, luksUuid }, signal)) ?? 'already' }
}

async function disconnect(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  const info = walk.mapping(volumeId).connectionInfo
  walk.sources.delete(volumeId)
  return { change: info ? await walk.connector(info).disconnect(info, signal) : 'already' }
}

/** Gives up the attachment, or what there is of one. */
async function release(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  const { attachmentId } = walk.mapping(volumeId)
  const change = await flowOf(walk, volumeId).release(walk, volumeId, signal)
  if (attachmentId === undefined) return { change }
  return { change, writes: [walk.patchMapping(volumeId, { attachmentId: undefined })] }
}

async function deleteVolume(walk: Walk, volumeId: string, signal: AbortSignal): Promise<StepResult> {
  try {
    await walk.services(volumeId).volumes.delete(volumeId, signal)
    return { change: 'made' }
  } catch (error) {
    if (hasCode(error, 'volume-not-found')) return { change: 'already' }
    if (!isHoldfastError(error) || !KEEPS_VOLUME.has(error.kind)) throw error
    const status = await statusOf(walk, volumeId, signal)
    // Accepted before, and its reply or our record of it got lost: a cloud does the rest by itself, later.
    if (status === undefined || (status === 'deleting' && walk.mapping(volumeId).cloud !== undefined))
      return { change: 'already' }
    // It was begun: the volume is whole no more.
    if (status === 'deleting' || status === 'error_deleting') throw error
    walk.notes.push(`volume ${volumeId} is kept: ${error.message}`)
    return { change: 'already' }
  }
}

/** Undefined if it is gone. */
async function statusOf(walk: Walk, volumeId: string, signal: AbortSignal): Promise<VolumeStatus | undefined> {
  try {
    return (await walk.services(volumeId).volumes.get(volumeId, signal)).status
  } catch (error) {
    if (hasCode(error, 'volume-not-found')) return undefined
    throw error
  }
}

/** What keeps a volume from going with its instance, but not the instance (Nova `compute/manager.py` `_cleanup_volumes`): it has snapshots, or is shared. */
const KEEPS_VOLUME: ReadonlySet<HoldfastError['kind']> = new Set(['wrong-state', 'conflict'])

async function define(walk: Walk, _: string, signal: AbortSignal): Promise<StepResult> {
  const { instance, parts, views } = walk
  const disks = walk.mappings.map(mapping => {
    const view = views.get(mapping.volumeId)
    if (view) return domainDisk(mapping, view)
    throw new HoldfastError('internal', 'internal', `volume ${mapping.volumeId} has no guest source`)
  })
  return {
    change: await parts.hypervisor.define(domainSpec(instance, disks, parts.settings.instancesDirectory), signal),
  }
}

/** A guest that does not power off in its time is no failure: `destroy` comes next. */
async function shutdown(walk: Walk, id: string, signal: AbortSignal): Promise<StepResult> {
  const deadlineMs = walk.graceMs ?? walk.parts.settings.deadlines.shutdown
  try {
    return { change: await walk.parts.hypervisor.shutdown(id, { deadlineMs, signal }) }
  } catch (error) {
    if (!hasCode(error, 'timeout')) throw error
    walk.notes.push(`the guest did not power off within ${deadlineMs / 1000} s; it was pulled`)
    return { change: 'already' }
  }
}

function nic(walk: Walk, portId: string): InterfaceRecord {
  const found = walk.instance.interfaces.find(row => row.portId === portId)
  if (found) return found
  throw new HoldfastError('internal', 'internal', `port ${portId} is not one of instance ${walk.instance.id}`)
}

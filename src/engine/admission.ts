import { HoldfastError } from '#src/core/error.ts'
import { checkName } from '#src/core/names.ts'
import type { DomainState } from '#src/hypervisor/hypervisor.ts'
import { type BlockDeviceMapping, type InstanceRecord, PRIORITY_RANGE } from '#src/store/records.ts'
import { checkAvailabilityZone } from '#src/volumes/checks.ts'
import type { Volume } from '#src/volumes/volume-service.ts'
import type { CreateInstance } from './api.ts'

/**
 * What may be asked of an instance or volume in the state that it is in. Pure: each gives its refusal by throwing,
 * before anything is recorded or done.
 */
export const LIVE: ReadonlySet<DomainState | 'none' | undefined> = new Set<DomainState>(['running', 'paused'])

const refuse = (code: string, message: string, instance?: InstanceRecord, hint?: string) =>
  new HoldfastError('wrong-state', code, message, { details: { instance: instance?.id, hint } })

export function admitCreate(request: CreateInstance): void {
  checkName('instance', request.name)
  checkRange('memory', request.memoryMib, 16, 2 ** 22, 'MiB')
  checkRange('cpus', request.cpus, 1, 512, '')
  const boots = request.volumes.filter(volume => volume.boot)
  if (request.priority !== undefined) admitPriority(request.priority)
  if (boots.length > 1) throw invalid('only one volume can be booted from')
  if (boots.length === 0 && !request.kernel) {
    throw invalid('there is nothing to boot from', 'give a boot volume, or a kernel and an initrd')
  }
  const ids = new Set(request.volumes.map(volume => volume.volumeId))
  if (ids.size !== request.volumes.length) throw invalid('the same volume is given twice')
  for (const path of [request.kernel?.image, request.kernel?.initrd]) {
    if (path !== undefined && !path.startsWith('/')) throw invalid(`'${path}' is not an absolute path`)
  }
  if (request.kernel && hasControlCharacter(request.kernel.append ?? '')) {
    throw invalid('the kernel command line has a control character')
  }
  for (const { bridge, mac } of request.networks) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(bridge)) throw invalid(`'${bridge}' is not the name of a bridge`)
    if (mac !== undefined && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) throw invalid(`'${mac}' is not a MAC address`)
  }
}

export const admitPriority = (priority: number): void =>
  checkRange('priority', priority, PRIORITY_RANGE.minimum, PRIORITY_RANGE.maximum, '')

const invalid = (message: string, hint?: string) =>
  new HoldfastError('invalid-input', 'invalid-instance', message, { details: { hint } })

const hasControlCharacter = (text: string) => [...text].some(char => char < ' ' || char === '\u007f')

function checkRange(what: string, value: number, low: number, high: number, unit: string): void {
  if (Number.isInteger(value) && value >= low && value <= high) return
  throw invalid(`${what} must be a whole number from ${low} to ${high}${unit && ` ${unit}`}, not ${value}`)
}

export function admitName(name: string, others: readonly InstanceRecord[]): void {
  const taken = others.find(other => other.name === name)
  if (!taken) return
  throw new HoldfastError('conflict', 'name-taken', `there is an instance '${name}' already: ${taken.id}`, {
    details: { instance: taken.id, hint: 'take another name, or delete that one first' },
  })
}

/** Attach, and each volume of a create. `others`: where our own records have this volume already. */
export function admitVolume(
  volume: Volume,
  instance: { readonly id: string; readonly name: string; readonly availabilityZone: string },
  others: readonly BlockDeviceMapping[],
  crossZoneAttach: boolean,
): void {
  const here = others.find(row => row.instanceId === instance.id)
  if (here) {
    throw new HoldfastError(
      'conflict',
      'already-attached',
      `volume ${label(volume)} is already attached to instance '${instance.name}' as ${here.target}`,
      { details: { volume: volume.id, instance: instance.id } },
    )
  }
  const allowed = volume.multiattach ? ['available', 'in-use'] : ['available']
  const where = others.map(row => `instance ${row.instanceId}`).join(', ')
  if (!allowed.includes(volume.status)) {
    throw new HoldfastError(
      'wrong-state',
      'invalid-volume',
      `volume ${label(volume)} is '${volume.status}'${where && ` (attached to ${where})`}; to be attached it must be ` +
        allowed.map(status => `'${status}'`).join(' or '),
      { details: { volume: volume.id } },
    )
  }
  // Its volume service has it free; the other instance may still have it open, and would close it when it is resumed.
  if (where && !volume.multiattach) {
    throw new HoldfastError(
      'wrong-state',
      'invalid-volume',
      `volume ${label(volume)} is '${volume.status}', but recorded as a disk of ${where}`,
      {
        details: {
          volume: volume.id,
          hint: "end what is unfinished there ('holdfast operation list'), or detach the volume from it",
        },
      },
    )
  }
  checkAvailabilityZone(volume, instance, crossZoneAttach)
}

const label = (volume: Volume) => (volume.name === null ? volume.id : `'${volume.name}' (${volume.id})`)

/** Hot-plug needs a domain that is what the record says; gives whether the instance is live. */
export function admitHotPlug(instance: InstanceRecord, power: DomainState | 'none'): boolean {
  const live = LIVE.has(power)
  if (instance.status === 'ACTIVE' && live) return true
  if (instance.status === 'SHUTOFF' && !live) return false
  throw refuse(
    'invalid-instance-state',
    `instance '${instance.name}' is recorded as ${instance.status}, and its domain is '${power}'`,
    instance,
    `bring it back first: 'holdfast instance reboot --hard ${instance.name}'`,
  )
}

export function admitDetach(instance: InstanceRecord, mapping: BlockDeviceMapping | undefined, volumeId: string): void {
  if (!mapping) {
    throw new HoldfastError(
      'not-found',
      'volume-not-attached',
      `volume ${volumeId} is not attached to instance '${instance.name}'`,
      { details: { volume: volumeId, instance: instance.id } },
    )
  }
  if (mapping.bootIndex === 0) {
    throw refuse(
      'boot-volume',
      `volume ${volumeId} is what instance '${instance.name}' boots from; it can't be detached`,
      instance,
    )
  }
}

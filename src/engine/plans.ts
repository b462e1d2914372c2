import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import { each, type Plan, seq, step, undoable } from './plan.ts'
import type { VolumeAction } from './step.ts'

/** What is recorded of an instance: all that a plan is made from. */
export interface Recorded {
  readonly instance: InstanceRecord
  readonly mappings: readonly BlockDeviceMapping[]
}

const walk = (volumeId: string, ...actions: readonly VolumeAction[]): Plan =>
  seq(...actions.map(action => step(action, volumeId)))

const volumes = ({ mappings }: Recorded, ...actions: readonly VolumeAction[]): Plan =>
  each(mappings.map(mapping => walk(mapping.volumeId, ...actions)))

const ports = ({ instance }: Recorded, action: 'plug' | 'unplug'): Plan =>
  each(instance.interfaces.map(nic => step(action, nic.portId)))

const domain = ({ instance }: Recorded, action: Parameters<typeof step>[0]): Plan => step(action, instance.id)

/** Layers 2 and 3 up, the domain made from the records, proved (I1, I2), started. */
const bringUp = (recorded: Recorded): Plan =>
  undoable(
    volumes(recorded, 'connect', 'unlock'),
    ports(recorded, 'plug'),
    domain(recorded, 'define'),
    domain(recorded, 'verify'),
    domain(recorded, 'start'),
    domain(recorded, 'await-running'),
  )

/** Layers 4 to 2 down; the domain's configuration stays. Layer 1 is never given up here. */
const bringDown = (recorded: Recorded): Plan =>
  seq(domain(recorded, 'destroy'), ports(recorded, 'unplug'), volumes(recorded, 'lock', 'disconnect'))

/**
 * Hard reboot, and start: tear everything of the instance down, whatever is left of it, and build it anew from the
 * records (Nova `virt/libvirt/driver.py` `_hard_reboot`, with a preflight before anything is touched).
 */
export const planHardReboot = (recorded: Recorded, options: { preflight: boolean }): Plan =>
  seq(
    ...(options.preflight ? [domain(recorded, 'preflight')] : []),
    bringDown(recorded),
    domain(recorded, 'undefine'),
    bringUp(recorded),
  )

/**
 * After a host boot: the same walk. Nothing stands that a preflight would protect, so that no key is derived twice; but the
 * volume service must say that the volumes are still this instance's, for they were out of reach for a while (I2). What
 * stands all the same goes first, so that nothing of an instance that has to wait is left open.
 */
export const planResume = (recorded: Recorded): Plan =>
  seq(bringDown(recorded), domain(recorded, 'undefine'), domain(recorded, 'check-attachments'), bringUp(recorded))

export const planSoftReboot = (recorded: Recorded): Plan => domain(recorded, 'soft-reboot')

/** The guest is asked first, then pulled; its volumes are locked and disconnected while it is off. */
export const planStop = (recorded: Recorded, options: { graceful: boolean }): Plan =>
  seq(...(options.graceful ? [domain(recorded, 'shutdown')] : []), bringDown(recorded))

export const planCreate = (recorded: Recorded): Plan =>
  undoable(
    volumes(recorded, 'reserve', 'export', 'check'),
    domain(recorded, 'check-host'),
    bringUp(recorded),
    volumes(recorded, 'complete'),
  )

/** At rest the volume is opened and closed again, so that an attach that succeeded has proved that it can be opened. */
export const planAttach = (volumeId: string, live: boolean): Plan =>
  undoable(
    walk(volumeId, 'reserve', 'export', 'check', 'connect', 'unlock', 'present'),
    ...(live ? [] : [walk(volumeId, 'lock', 'disconnect')]),
    walk(volumeId, 'complete'),
  )

/** Until the guest has let go the volume stays attached; after that the detach is only ever driven forward. */
export const planDetach = (volumeId: string): Plan =>
  seq(undoable(walk(volumeId, 'begin-detaching', 'withdraw')), planDetachForward(volumeId))

export const planDetachForward = (volumeId: string): Plan =>
  walk(volumeId, 'lock', 'disconnect', 'release', 'forget-mapping')

export const planDelete = (recorded: Recorded): Plan =>
  seq(
    domain(recorded, 'destroy'),
    ports(recorded, 'unplug'),
    volumes(recorded, 'lock', 'disconnect', 'release'),
    domain(recorded, 'forget-domain'),
    each(recorded.mappings.filter(row => row.deleteOnTermination).map(row => step('delete-volume', row.volumeId))),
    domain(recorded, 'forget-instance'),
  )

/** What takes back an attach that died half-way, from whatever it had reached. */
export const planAttachBack = (volumeId: string): Plan =>
  walk(volumeId, 'withdraw', 'lock', 'disconnect', 'release', 'forget-mapping')

/** What takes back a create that died half-way; the volumes themselves are kept. `defined`: it may have got as far as its domain. */
export const planCreateBack = (recorded: Recorded, { defined }: { readonly defined: boolean }): Plan =>
  seq(
    ...(defined ? [domain(recorded, 'destroy'), ports(recorded, 'unplug')] : []),
    volumes(recorded, 'lock', 'disconnect', 'release'),
    ...(defined ? [domain(recorded, 'forget-domain')] : []),
    domain(recorded, 'forget-instance'),
  )

import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import type { Action, Step } from './step.ts'

const VERBS: Readonly<Record<Action, string>> = {
  reserve: 'reserve volume',
  export: 'get connection info of volume',
  check: 'check volume',
  connect: 'connect volume',
  unlock: 'unlock volume',
  present: 'present volume',
  complete: 'mark in-use volume',
  'begin-detaching': 'begin detaching volume',
  'roll-detaching': 'keep attached volume',
  withdraw: 'withdraw volume',
  lock: 'lock volume',
  disconnect: 'disconnect volume',
  release: 'release volume',
  'forget-mapping': 'forget volume',
  'delete-volume': 'delete volume',
  plug: 'plug interface',
  unplug: 'unplug interface',
  preflight: 'preflight',
  'check-attachments': 'check attachments',
  'check-host': 'check host',
  define: 'define domain',
  verify: 'verify disks of domain',
  start: 'start domain',
  'await-running': 'wait until running',
  'soft-reboot': 'ask the guest to reboot',
  shutdown: 'ask the guest to power off',
  destroy: 'destroy domain',
  undefine: 'undefine domain',
  'forget-domain': 'undefine domain and its NVRAM',
  'forget-instance': 'forget instance',
}

/** Steps of which the decryption is worth telling. */
const SHOWS_MECHANISM: ReadonlySet<Action> = new Set(['unlock', 'lock'])

/** A step for people: `unlock volume 1b2c3d4e vdb (dm-crypt)`. */
export function titleOf(
  { action, subject }: Step,
  recorded: { readonly instance: InstanceRecord; readonly mappings: readonly BlockDeviceMapping[] },
): string {
  if (subject === recorded.instance.id) return VERBS[action]
  const mapping = recorded.mappings.find(row => row.volumeId === subject)
  if (!mapping) return `${VERBS[action]} ${subject.slice(0, 8)}`
  const mechanism = SHOWS_MECHANISM.has(action) && mapping.mechanism ? ` (${mapping.mechanism})` : ''
  return `${VERBS[action]} ${subject.slice(0, 8)} ${mapping.target}${mechanism}`
}

import type { HostEvent, Manner, Operation, Run, Service, Step, StepFault } from './steps.ts'

/** Runs and steps as a person would tell them. */

export const hostInWords = ({ dmCrypt, prefers }: Pick<Run, 'dmCrypt' | 'prefers'>): string =>
  dmCrypt ? `a host with dm-crypt, on which LUKS1 is opened by ${prefers}` : 'a host on which only QEMU decrypts'

export function stepInWords(step: Step): string {
  if ('event' in step) return eventInWords(step.event)
  const what =
    'pair' in step ? `at once: ${step.pair.map(operationInWords).join(', and ')}` : operationInWords(step.operation)
  return step.fault ? `${what}; ${faultInWords(step.fault)}` : what
}

export function operationInWords(operation: Operation): string {
  switch (operation.do) {
    case 'create':
      return createInWords(operation)
    case 'create-misnamed':
      return `create an instance named ${JSON.stringify(operation.name)}`
    case 'stop':
      return operation.pull ? `pull ${operation.instance}` : `stop ${operation.instance}`
    case 'start':
    case 'delete':
      return `${operation.do} ${operation.instance}`
    case 'soft-reboot':
    case 'hard-reboot':
      return `reboot ${operation.instance} ${operation.do.slice(0, 4)}`
    case 'attach':
      return `attach ${operation.volume} to ${operation.instance}`
    case 'detach':
      return `detach ${operation.volume} from ${operation.instance}`
    case 'host-resume':
      return 'resume the host'
    case 'resume':
      return 'resume the oldest unfinished operation'
    case 'create-volume':
      return `create volume ${operation.volume} (${operation.kind})`
    case 'delete-volume':
      return `delete volume ${operation.volume}`
    case 'extend-volume':
      return `extend volume ${operation.volume} by 1 GiB`
    case 'snapshot':
      return `make a snapshot of ${operation.volume}`
    case 'delete-snapshot':
      return `delete a snapshot of ${operation.volume}`
  }
}

function createInWords({ instance, volumes, boot, goesWith, append }: Operation & { do: 'create' }): string {
  const list = volumes.length > 0 ? ` with ${volumes.join(', ')}${goesWith ? ', which go with it' : ''}` : ''
  const from =
    boot && volumes.length > 0 ? `, booted from ${volumes[0]}` : append && `, kernel told ${JSON.stringify(append)}`
  return `create instance ${instance}${list}${from}`
}

const MANNERS: Readonly<Record<Manner, readonly [string, string]>> = {
  ignoresPower: ['guests ignore their buttons', 'guests heed their buttons again'],
  keepsDisks: ['guests do not answer unplug requests', 'guests answer unplug requests again'],
  refusesUnplug: ['guests refuse unplug requests', 'guests take unplug requests again'],
}

const SERVICE: Readonly<Record<Service, string>> = {
  libvirt: 'libvirt',
  keys: 'the key manager',
  volumes: 'the volume service',
}

function eventInWords(event: HostEvent): string {
  switch (event.do) {
    case 'kill':
      return 'the process is killed'
    case 'power-cut':
      return 'the power is cut, and the host boots'
    case 'mend':
      return 'somebody mends the host: services back, disk freed, files in place, foreign things removed'
    case 'guest-ends':
      return `the guest of ${event.instance} ${event.how}`
    case 'manner':
      return MANNERS[event.manner][event.on ? 0 : 1]
    case 'away':
      return `${SERVICE[event.service]} goes away`
    case 'back':
      return `${SERVICE[event.service]} comes back`
    case 'disk-full':
      return 'the disk of the state is full'
    case 'disk-freed':
      return 'the disk of the state has room again'
    case 'vanish':
      return `the file of ${event.volume} vanishes`
    case 'grow':
      return `the file of ${event.volume} grows by 1 GiB`
    case 'swap-files':
      return `the files of ${event.volume} and ${event.other} are exchanged`
    case 'foreign':
      return `somebody makes a ${event.what} where that of ${event.volume} belongs`
    case 'foreign-interface':
      return `somebody makes a network interface with the name of the tap of ${event.instance}`
    case 'leftover':
      return `a mapping with the name of ${event.volume} is left over the file of ${event.other}`
  }
}

function faultInWords({ on, nth, when, do: what }: StepFault): string {
  const which = `${when} its ${on} ${nth}`
  if (what === 'die') return `${which} the process is killed`
  if (what === 'hang') return `${which} nothing answers any more`
  return when === 'after' ? `its ${on} ${nth} is done, but answers with an error` : `its ${on} ${nth} fails`
}

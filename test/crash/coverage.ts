import type { Instances, Operations } from '#src/engine/api.ts'
import type { HostOperations } from '#src/engine/host-api.ts'

/** `explored`: the catalogue has it. Else why not. */
type Word = 'explored' | { readonly not: string }

const asks: Word = { not: 'it only asks' }

/** The compiler demands a word on every method that is added. */
const INSTANCES: Readonly<Record<keyof Instances, Word>> = {
  list: asks,
  show: asks,
  plan: asks,
  consoleLog: asks,
  create: 'explored',
  start: 'explored',
  stop: 'explored',
  softReboot: 'explored',
  hardReboot: 'explored',
  attach: 'explored',
  detach: 'explored',
  delete: 'explored',
  update: 'explored',
}

const OPERATIONS: Readonly<Record<keyof Operations, Word>> = { list: asks, show: asks, resume: 'explored' }

const HOST: Readonly<Record<keyof HostOperations, Word>> = {
  check: asks,
  drill: asks,
  resume: 'explored',
  fix: { not: 'each mend is an operation that is explored, or one idempotent verb of a port' },
}

/** Every method of the face that has to do with instances and the host, `instances.attach`, with the word on it. */
export const METHODS: ReadonlyMap<string, Word> = new Map(
  Object.entries({ instances: INSTANCES, operations: OPERATIONS, host: HOST }).flatMap(([part, words]) =>
    Object.entries(words).map(([name, word]): [string, Word] => [`${part}.${name}`, word]),
  ),
)

const service: Word = {
  not: 'a verb of the volume service alone, whose deaths its own tests explore (src/volumes/local)',
}

/** Every command, by its file, with the method that it calls. */
export const COMMANDS: Readonly<Record<string, Word | { readonly calls: readonly string[] }>> = {
  'attachment-delete': service,
  'attachment-list': asks,
  'attachment-show': asks,
  'cloud-check': asks,
  'host-status': asks,
  'instance-attach': { calls: ['instances.attach'] },
  'instance-console': asks,
  'instance-create': { calls: ['instances.create'] },
  'instance-delete': { calls: ['instances.delete'] },
  'instance-detach': { calls: ['instances.detach'] },
  'instance-list': asks,
  'instance-reboot': { calls: ['instances.softReboot', 'instances.hardReboot'] },
  'instance-show': asks,
  'instance-start': { calls: ['instances.start'] },
  'instance-stop': { calls: ['instances.stop'] },
  'instance-update': { calls: ['instances.update'] },
  'instance-set': { calls: ['instances.update'] },
  'host-check': { calls: ['host.check', 'host.fix'] },
  'host-drill': asks,
  'host-resume': { calls: ['host.resume'] },
  limits: asks,
  'operation-list': asks,
  'operation-resume': { calls: ['operations.resume'] },
  'operation-show': asks,
  'snapshot-create': service,
  'snapshot-delete': service,
  'snapshot-list': asks,
  'snapshot-show': asks,
  'state-backups': asks,
  'state-check': asks,
  'state-restore': { not: 'a database that is gone while there are backups is refused until it is restored' },
  'volume-create': service,
  'volume-delete': service,
  'volume-extend': service,
  'volume-list': asks,
  'volume-show': asks,
  'volume-type-create': service,
  'volume-type-delete': service,
  'volume-type-list': asks,
}

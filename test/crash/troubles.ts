import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import type { Fault, FaultPlan, FaultPoint } from '#src/sim/faults.ts'

/**
 * What goes wrong at a point. `once`: there only. `on`: there, and whenever the same is tried again until the operation
 * has ended. `all`: there, and from then on with everything of that kind, as when libvirt or the key manager is away.
 */
export interface Trouble {
  readonly name: string
  readonly lasts: 'once' | 'on' | 'all'
  readonly fault: Exclude<Fault, { do: 'die' }>
}

/** Errors that the ports document for what begins so (`src/*\/…` one file per port), beside a command that fails. */
const DOCUMENTED: readonly (readonly [RegExp, ErrorKind, string])[] = [
  [/^losetup/, 'busy', 'busy'],
  [/^cryptsetup luksOpen/, 'forbidden', 'wrong-key'],
  [/^cryptsetup/, 'busy', 'busy'],
  [/^secret/, 'unavailable', 'hypervisor-unavailable'],
  [/^libvirt unplug/, 'busy', 'device-detach-failed'],
  [/^libvirt attach/, 'conflict', 'disk-conflict'],
  [/^libvirt define/, 'conflict', 'domain-foreign'],
  [/^libvirt/, 'unavailable', 'hypervisor-unavailable'],
  [/^libvirt (start|destroy|reboot|power)/, 'not-found', 'domain-not-found'],
  [/^volumes attachment-(create|update|complete)/, 'wrong-state', 'invalid-volume'],
  [/^volumes attachment-(get|update|complete)/, 'not-found', 'attachment-not-found'],
  [/^volumes attachment-update/, 'unavailable', 'storage-absent'],
  [/^volumes (begin|roll)-detaching/, 'wrong-state', 'invalid-volume'],
  [/^volumes get/, 'not-found', 'volume-not-found'],
  [/^volumes/, 'unavailable', 'volume-service-unavailable'],
  [/^volumes/, 'conflict', 'conflict'],
  [/^keys get/, 'unavailable', 'key-manager-unavailable'],
  [/^keys get/, 'not-found', 'key-not-found'],
  [/^keys get/, 'forbidden', 'key-forbidden'],
  [/^keys get/, 'corrupt', 'key-store-corrupt'],
  [/^connector (check|probe)/, 'unsafe', 'wrong-device'],
  [/^connector (check|probe)/, 'unavailable', 'storage-absent'],
  [/^(luks|native) (check|look)/, 'forbidden', 'wrong-key'],
  [/^(luks|native) (check|look)/, 'corrupt', 'not-luks'],
  [/^nic check/, 'not-found', 'bridge-not-found'],
  [/^store commit/, 'no-space', 'no-space'],
  [/^store commit/, 'conflict', 'store-conflict'],
  [/^store/, 'corrupt', 'state-corrupt'],
  [/^ceph (check|look|probe)/, 'unavailable', 'storage-absent'],
  [/^ceph (check|look|probe)/, 'unavailable', 'storage-unreachable'],
  [/^ceph (check|look|probe)/, 'forbidden', 'storage-forbidden'],
  [/^ceph secret/, 'unavailable', 'hypervisor-unavailable'],
]

const injected = (point: FaultPoint, kind: ErrorKind, code: string) =>
  new HoldfastError(kind, code, `'${point.name}' was made to fail (${code})`)

/** An exchange with a service of a cloud: what fails there is the exchange, and not a verb of a port. */
const isExchange = ({ name }: FaultPoint): boolean => /^(keystone|cinder|barbican) /.test(name)

/**
 * Nothing was sent, or a proxy answers that the service is not there; the reply gets lost; the service refuses in a way that
 * only it can know of. Done, and answered with an error: a proxy gave up waiting (504), lost the service (502), the connection
 * was cut.
 */
function exchangeTroublesAt(point: FaultPoint): readonly Trouble[] {
  const fails = (code: string, lasts: Trouble['lasts'], when: Fault['when'] = 'before'): Trouble => ({
    name: when === 'before' ? `fails with ${code}` : `is done, and answers with ${code}`,
    lasts,
    fault: { when, do: 'fail', error: injected(point, 'unavailable', code) },
  })
  const hangs = (lasts: Trouble['lasts'], when: Fault['when'] = 'before'): Trouble => ({
    name: when === 'before' ? 'hangs' : 'is done, and hangs',
    lasts,
    fault: { when, do: 'hang' },
  })
  const both = [
    ...['endpoint-unreachable', 'reply-lost', 'http-503', 'http-500', 'http-401'].map(code => fails(code, 'once')),
    hangs('once'),
    ...(['on', 'all'] as const).flatMap(lasts => [
      fails('endpoint-unreachable', lasts),
      fails('http-503', lasts),
      hangs(lasts),
    ]),
  ]
  if (point.kind === 'look') return both
  return [
    ...both,
    ...['http-400', 'http-409', 'http-413'].map(code => fails(code, 'once')),
    ...['http-504', 'http-502', 'reply-lost'].map(code => fails(code, 'once', 'after')),
    ...['http-504', 'reply-lost'].map(code => fails(code, 'on', 'after')),
    hangs('once', 'after'),
  ]
}

/** Everything that can go wrong at this point, short of a death. */
export function troublesAt(point: FaultPoint): readonly Trouble[] {
  if (isExchange(point)) return exchangeTroublesAt(point)
  const command = injected(point, 'host-command', 'command-failed')
  const documented = DOCUMENTED.filter(([name]) => name.test(point.name)).map(([, kind, code]) =>
    injected(point, kind, code),
  )
  const fails = (error: HoldfastError, lasts: Trouble['lasts']): Trouble => ({
    name: `fails with ${error.code}`,
    lasts,
    fault: { when: 'before', do: 'fail', error },
  })
  const hangs = (lasts: Trouble['lasts']): Trouble => ({ name: 'hangs', lasts, fault: { when: 'before', do: 'hang' } })
  const lasting = [command, ...documented.slice(0, 1)]
  const both = [
    ...[command, ...documented].map(error => fails(error, 'once')),
    hangs('once'),
    ...(['on', 'all'] as const).flatMap(lasts => [...lasting.map(error => fails(error, lasts)), hangs(lasts)]),
  ]
  if (point.kind === 'look') return both
  return [
    ...both,
    { name: 'is done, and answers with an error', lasts: 'once', fault: { when: 'after', do: 'fail', error: command } },
    { name: 'is done, and answers with an error', lasts: 'on', fault: { when: 'after', do: 'fail', error: command } },
    { name: 'is done, and hangs', lasts: 'once', fault: { when: 'after', do: 'hang' } },
  ]
}

/** The plan of one trouble, and whether it would have struck again if it lasted. */
export class Struck {
  /** The same was tried again. */
  same = false
  /** Something else of that kind was tried. */
  kindred = false
  readonly #trouble: Trouble
  readonly #at: FaultPoint
  #begun = false

  constructor(trouble: Trouble, at: FaultPoint) {
    this.#trouble = trouble
    this.#at = at
  }

  readonly plan: FaultPlan = point => {
    const { fault, lasts } = this.#trouble
    if (point.kind === this.#at.kind && point.number === this.#at.number) {
      this.#begun = true
      return fault
    }
    if (!this.#begun || partOf(point) !== partOf(this.#at)) return undefined
    const same = point.name === this.#at.name
    this.same ||= same
    this.kindred ||= !same
    return lasts === 'all' || (lasts === 'on' && same) ? fault : undefined
  }
}

/** `libvirt`, `keys`, `cryptsetup` … */
const partOf = ({ name }: FaultPoint): string => name.slice(0, name.indexOf(' '))

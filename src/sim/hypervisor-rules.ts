import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import type { DomainDisk, DomainSpec } from '#src/hypervisor/hypervisor.ts'
import type { SimConfiguration, SimDomain } from './hypervisor-state.ts'

export const failure = (kind: ErrorKind, code: string, message: string, cause?: unknown) =>
  new HoldfastError(kind, code, message, { cause, details: { layer: 'presentation' } })

export const foreign = (reason: string) =>
  failure('conflict', 'domain-foreign', `${reason}, and it was not made by Holdfast`)

export const notRunning = ({ name, state }: SimDomain) =>
  failure('wrong-state', 'domain-not-running', `domain '${name}' is ${state}, not running`)

export const restartedAgain = ({ name }: SimDomain) =>
  failure('busy', 'domain-restarted', `domain '${name}' was started again each time that it was destroyed`)

export const kept = (id: string, volumeId: string, how: string, cause?: unknown) =>
  failure(
    'busy',
    'device-detach-failed',
    `the guest of domain ${id} does not let go of volume ${volumeId} ${how}`,
    cause,
  )

export const filesOf = ({ kernel, disks }: DomainSpec): readonly string[] =>
  [kernel?.image, kernel?.initrd, ...disks.flatMap(onThisHost)].filter(path => path !== undefined)

const onThisHost = ({ source }: DomainDisk): readonly string[] => (source.kind === 'network' ? [] : [source.path])

export function failureOf(check: () => void): unknown[] {
  try {
    check()
    return []
  } catch (error) {
    return [error]
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f]/

export function checkText({ name, kernel, consoleLog }: DomainSpec): void {
  for (const text of [name, kernel?.image, kernel?.initrd, kernel?.append, consoleLog]) {
    if (text !== undefined && UNSAFE.test(text)) {
      throw failure('invalid-input', 'invalid-text', `${JSON.stringify(text)} has a control character or a line break`)
    }
  }
}

/** Without a kernel and a boot order of its own a domain boots from its first disk. */
export function withBootOrder(configuration: SimConfiguration): SimConfiguration {
  const { kernel, disks } = configuration
  if (kernel || disks.some(disk => disk.bootOrder !== undefined)) return configuration
  return { ...configuration, disks: disks.map((disk, index) => (index === 0 ? { ...disk, bootOrder: 1 } : disk)) }
}

/** The guest's configuration first: it is what must be let go first. */
export function whereIs(domain: SimDomain | undefined, volumeId: string): 'live' | 'persistent' | undefined {
  const has = (configuration: SimConfiguration | undefined) =>
    configuration?.disks.some(disk => disk.volumeId === volumeId) === true
  if (has(domain?.live)) return 'live'
  return has(domain?.persistent) ? 'persistent' : undefined
}

/** @throws HoldfastError `disk-conflict` */
export function lacks(domain: SimDomain, { disks }: SimConfiguration, disk: DomainDisk): boolean {
  const { path, secretUuid, network } = disk.source
  const own = disks.find(({ volumeId }) => volumeId === disk.volumeId)
  const sameSecrets = own?.secretUuid === secretUuid && own?.auth?.secretUuid === network?.auth?.secretUuid
  if (own && own.path === path && sameSecrets && own.target === disk.target) return false
  const other = own ?? disks.find(({ target }) => target === disk.target)
  if (!other) return true
  const reason = `domain '${domain.name}' has ${other.target} from ${other.path}`
  throw failure('conflict', 'disk-conflict', `volume ${disk.volumeId} cannot be presented as ${disk.target}: ${reason}`)
}

import { dirname } from 'node:path'
import type { Change } from '#src/core/change.ts'
import type { GuestSource } from '#src/core/disk.ts'
import { collectErrors, HoldfastError } from '#src/core/error.ts'
import type { DomainSpec } from '#src/hypervisor/hypervisor.ts'
import { DomainUndefine, DomainXML, isLibvirtCode } from '#src/libvirt/index.ts'
import type { Context } from './context.ts'
import { isBuffered } from './direct-io.ts'
import { domainXml, type MachineFacts } from './domain-xml.ts'
import { domainForeign, translated } from './errors.ts'
import { type Look, lookOwn } from './look.ts'
import { emulatorMissing, findEmulator, findQemuUser } from './machine.ts'
import { checkReach, type Identity, identityOf } from './reach.ts'

const layer = 'presentation'

/** Tells all that is wrong, not just the first. */
export async function check(context: Context, spec: DomainSpec, signal?: AbortSignal): Promise<void> {
  await translated(`checking domain '${spec.name}'`, { instance: spec.id, layer }, async () => {
    await context.libvirt.open({ signal })
    const user = await findQemuUser(context.libvirt, context.domainType, signal)
    const who = user && (await identityOf(context.host, user))
    const outcomes = await Promise.allSettled([
      checkNames(context, spec, signal),
      checkMachine(context, spec, signal),
      ...filesOf(spec).map(([what, path]) => checkFile(context, what, path, who)),
      ...spec.disks.map(({ source }) => checkSource(context, source, who, signal)),
      ...spec.interfaces.map(({ bridge }) => checkBridge(context, bridge)),
    ])
    const error = collectErrors(outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : [])))
    if (error) throw error
  })
}

/** Neither the UUID nor the name belongs to a domain of somebody else. */
async function checkNames({ libvirt }: Context, spec: DomainSpec, signal?: AbortSignal): Promise<void> {
  await lookOwn(libvirt, spec.id, signal)
  try {
    const { uuid } = await libvirt.domain.lookupByName(spec.name, { signal })
    if (uuid !== spec.id) throw domainForeign(`the name '${spec.name}' belongs to domain ${uuid}`)
  } catch (error) {
    if (!isLibvirtCode(error, 'NO_DOMAIN')) throw error
  }
}

/** The emulator is there, and the spec can be put into XML. */
async function checkMachine(context: Context, spec: DomainSpec, signal?: AbortSignal): Promise<void> {
  const emulator = await findEmulator(context.libvirt, context.domainType, signal)
  if (!(await context.host.files.stat(emulator))) {
    throw emulatorMissing(`the emulator ${emulator} that libvirt names is not there`)
  }
  domainXml(spec, { domainType: context.domainType, emulator, buffered: new Set() })
}

const filesOf = ({ kernel }: DomainSpec): readonly (readonly [string, string])[] => [
  ...(kernel ? [['kernel', kernel.image] as const] : []),
  ...(kernel?.initrd === undefined ? [] : [['initrd', kernel.initrd] as const]),
]

async function checkSource(
  context: Context,
  source: GuestSource,
  who: Identity | undefined,
  signal?: AbortSignal,
): Promise<void> {
  if (source.kind === 'network') return await context.checkRbdDriver(signal)
  await checkFile(context, 'disk', source.path, source.kind === 'file' ? who : undefined)
}

async function checkFile({ host }: Context, what: string, path: string, who: Identity | undefined): Promise<void> {
  const facts = await host.files.stat(path)
  if (facts?.kind !== 'file' && facts?.kind !== 'block') {
    const reason = facts === undefined ? 'is not there' : `is neither a file nor a block device`
    throw new HoldfastError('not-found', 'file-not-found', `${what} ${path} ${reason}`, { details: { layer } })
  }
  await checkReach(host, what, path, who)
}

async function checkBridge({ host }: Context, bridge: string): Promise<void> {
  if (/^[A-Za-z0-9._-]{1,15}$/.test(bridge) && (await host.files.stat(`/sys/class/net/${bridge}/bridge`))) return
  throw new HoldfastError(
    'not-found',
    'bridge-not-found',
    `there is no bridge ${JSON.stringify(bridge)} on this host`,
    {
      details: { layer, hint: `make it: ip link add ${bridge} type bridge && ip link set ${bridge} up` },
    },
  )
}

/** 'already' if libvirt's configuration is the same after as before. */
export async function define(context: Context, spec: DomainSpec, signal?: AbortSignal): Promise<Change> {
  const { libvirt, host } = context
  return await translated(`defining domain '${spec.name}'`, { instance: spec.id, layer }, async () => {
    await checkNames(context, spec, signal)
    const xml = domainXml(spec, await machineFacts(context, spec, signal))
    await host.files.makeDirectory(dirname(spec.consoleLog), 0o755)
    const before = await configuration(context, spec.id, signal)
    const dom = await libvirt.domain.defineXMLFlags(xml, 0, { signal })
    const after = await libvirt.domain.getXMLDesc(dom, DomainXML.INACTIVE, { signal })
    return before === after ? 'already' : 'made'
  })
}

async function machineFacts(context: Context, spec: DomainSpec, signal?: AbortSignal): Promise<MachineFacts> {
  const emulator = await findEmulator(context.libvirt, context.domainType, signal)
  const buffered = new Set<string>()
  for (const { source } of spec.disks) if (await isBuffered(context, source, signal)) buffered.add(source.path)
  return { domainType: context.domainType, emulator, buffered }
}

/** libvirt's XML of the persistent configuration; undefined if there is none. */
async function configuration({ libvirt }: Context, id: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    const dom = await libvirt.domain.lookupByUUID(id, { signal })
    if (!(await libvirt.domain.isPersistent(dom, { signal }))) return undefined
    return await libvirt.domain.getXMLDesc(dom, DomainXML.INACTIVE, { signal })
  } catch (error) {
    if (isLibvirtCode(error, 'NO_DOMAIN')) return undefined
    throw error
  }
}

const METADATA = DomainUndefine.MANAGED_SAVE | DomainUndefine.SNAPSHOTS_METADATA | DomainUndefine.CHECKPOINTS_METADATA

/**
 * What undefining can delete is decided one by one (Launchpad 2118888, 1633447): a managed save and metadata of snapshots
 * go, for they would bring old disks back; NVRAM and TPM state stay unless `forget`.
 */
export async function undefine(
  context: Context,
  id: string,
  { forget }: { readonly forget: boolean },
  signal?: AbortSignal,
): Promise<Change> {
  const { libvirt } = context
  return await translated(`undefining domain ${id}`, { instance: id, layer }, async () => {
    const found = await lookOwn(libvirt, id, signal)
    if (!found?.persistent) return 'already'
    for (const flags of flagsToTry(found, forget)) {
      const outcome = await tryUndefine(context, found, flags, signal)
      if (outcome !== 'refused') return outcome
    }
    throw new HoldfastError(
      'unsupported',
      'hypervisor-error',
      `libvirt is too old to undefine domain '${found.name}' and keep its TPM state`,
      {
        details: { layer, hint: 'libvirt 8.9.0 is the first that can keep it' },
      },
    )
  })
}

/**
 * From what a current libvirt takes to what an old one does: TPM flags came with 8.9.0, checkpoints with 5.6.0. A domain
 * with a TPM is never undefined without the flag that keeps its state.
 */
function flagsToTry(found: Look, forget: boolean): readonly number[] {
  const nvram = forget ? DomainUndefine.NVRAM : DomainUndefine.KEEP_NVRAM
  const tpm = forget ? DomainUndefine.TPM : DomainUndefine.KEEP_TPM
  const mayLoseTpm = forget || !found.persistent?.hasTpm
  const old = DomainUndefine.MANAGED_SAVE | DomainUndefine.SNAPSHOTS_METADATA | nvram
  return [METADATA | nvram | tpm, ...(mayLoseTpm ? [METADATA | nvram, old] : [])]
}

async function tryUndefine(
  { libvirt }: Context,
  { dom }: Look,
  flags: number,
  signal?: AbortSignal,
): Promise<Change | 'refused'> {
  try {
    await libvirt.domain.undefineFlags(dom, flags, { signal })
    return 'made'
  } catch (error) {
    if (isLibvirtCode(error, 'NO_DOMAIN')) return 'already'
    if (isLibvirtCode(error, 'INVALID_ARG', 'ARGUMENT_UNSUPPORTED') && /unsupported flags/.test(error.text))
      return 'refused'
    throw error
  }
}

import {
  array,
  type Codec,
  flag,
  int,
  nothing,
  opaque,
  opaqueOnce,
  optional,
  struct,
  uhyper,
  uhyperNumber,
  uint,
  uuid,
  type ValueOf,
} from './codec.ts'
import { charArray, domain, Limit, optionalText, secret, text, typedParameters } from './types.ts'

/** One remote procedure: its number and what goes there and comes back. */
export interface Procedure<A, R> {
  readonly number: number
  readonly args: Codec<A>
  readonly result: Codec<R>
}

const procedure = <A, R>(number: number, args: Codec<A>, result: Codec<R>): Procedure<A, R> => ({
  number,
  args,
  result,
})

const dom = struct({ dom: domain })
const domFlags = struct({ dom: domain, flags: uint })
const domXmlFlags = struct({ dom: domain, xml: text, flags: uint })
const domPathFlags = struct({ dom: domain, path: text, flags: uint })
const secretResult = struct({ secret })

/**
 * Every procedure that this client knows, with libvirt's own names and numbers (`remote_protocol.x`; numbers never
 * change and structs never grow). Client and test server both read this table.
 */
export const procedures = {
  connectOpen: procedure(1, struct({ name: optionalText, flags: uint }), nothing),
  connectClose: procedure(2, nothing, nothing),
  connectGetType: procedure(3, nothing, struct({ type: text })),
  connectGetVersion: procedure(4, nothing, struct({ hvVer: uhyperNumber })),
  connectGetLibVersion: procedure(157, nothing, struct({ libVer: uhyperNumber })),
  connectGetHostname: procedure(59, nothing, struct({ hostname: text })),
  connectGetURI: procedure(110, nothing, struct({ uri: text })),
  connectSupportsFeature: procedure(60, struct({ feature: int }), struct({ supported: flag })),
  connectGetCapabilities: procedure(7, nothing, struct({ capabilities: text })),
  connectGetDomainCapabilities: procedure(
    342,
    struct({
      emulatorbin: optionalText,
      arch: optionalText,
      machine: optionalText,
      virttype: optionalText,
      flags: uint,
    }),
    struct({ capabilities: text }),
  ),
  nodeGetInfo: procedure(
    6,
    nothing,
    struct({
      model: charArray(32),
      memory: uhyperNumber,
      cpus: int,
      mhz: int,
      nodes: int,
      sockets: int,
      cores: int,
      threads: int,
    }),
  ),
  authList: procedure(66, nothing, struct({ types: array(int, Limit.AUTH_TYPE_LIST) })),
  authPolkit: procedure(70, nothing, struct({ complete: int })),

  connectDomainEventCallbackRegisterAny: procedure(
    316,
    struct({ eventID: int, dom: optional(domain) }),
    struct({ callbackID: int }),
  ),
  connectDomainEventCallbackDeregisterAny: procedure(317, struct({ callbackID: int }), nothing),

  connectListAllDomains: procedure(
    273,
    struct({ needResults: flag, flags: uint }),
    struct({ domains: array(domain, Limit.DOMAIN_LIST), ret: uint }),
  ),
  domainLookupByName: procedure(23, struct({ name: text }), dom),
  domainLookupByUUID: procedure(24, struct({ uuid }), dom),
  domainDefineXMLFlags: procedure(350, struct({ xml: text, flags: uint }), dom),
  domainCreateXML: procedure(10, struct({ xml: text, flags: uint }), dom),
  domainCreateWithFlags: procedure(196, domFlags, dom),
  domainDestroyFlags: procedure(234, domFlags, nothing),
  domainShutdownFlags: procedure(258, domFlags, nothing),
  domainReboot: procedure(27, domFlags, nothing),
  domainReset: procedure(245, domFlags, nothing),
  domainSuspend: procedure(34, dom, nothing),
  domainResume: procedure(28, dom, nothing),
  domainUndefineFlags: procedure(231, domFlags, nothing),
  domainGetState: procedure(212, domFlags, struct({ state: int, reason: int })),
  domainIsActive: procedure(150, dom, struct({ active: flag })),
  domainIsPersistent: procedure(151, dom, struct({ persistent: flag })),
  domainGetXMLDesc: procedure(14, domFlags, struct({ xml: text })),
  domainHasManagedSaveImage: procedure(183, domFlags, struct({ result: flag })),
  domainManagedSaveRemove: procedure(184, domFlags, nothing),
  domainAttachDeviceFlags: procedure(160, domXmlFlags, nothing),
  domainDetachDeviceFlags: procedure(161, domXmlFlags, nothing),
  domainDetachDeviceAlias: procedure(392, struct({ dom: domain, alias: text, flags: uint }), nothing),
  domainUpdateDeviceFlags: procedure(174, domXmlFlags, nothing),
  domainBlockResize: procedure(251, struct({ dom: domain, disk: text, size: uhyperNumber, flags: uint }), nothing),
  domainGetBlockInfo: procedure(
    194,
    domPathFlags,
    struct({ allocation: uhyperNumber, capacity: uhyperNumber, physical: uhyperNumber }),
  ),
  domainBlockCopy: procedure(
    345,
    struct({
      dom: domain,
      path: text,
      destxml: text,
      params: typedParameters(Limit.BLOCK_COPY_PARAMETERS),
      flags: uint,
    }),
    nothing,
  ),
  domainGetBlockJobInfo: procedure(
    238,
    domPathFlags,
    struct({ found: flag, type: int, bandwidth: uhyper, cur: uhyper, end: uhyper }),
  ),
  domainBlockJobAbort: procedure(237, domPathFlags, nothing),
  domainSetMetadata: procedure(
    264,
    struct({
      dom: domain,
      type: int,
      metadata: optionalText,
      key: optionalText,
      uri: optionalText,
      flags: uint,
    }),
    nothing,
  ),
  domainGetMetadata: procedure(
    265,
    struct({ dom: domain, type: int, uri: optionalText, flags: uint }),
    struct({ metadata: text }),
  ),

  connectListAllSecrets: procedure(
    287,
    struct({ needResults: flag, flags: uint }),
    struct({ secrets: array(secret, Limit.SECRET_LIST), ret: uint }),
  ),
  secretDefineXML: procedure(142, struct({ xml: text, flags: uint }), secretResult),
  secretLookupByUUID: procedure(141, struct({ uuid }), secretResult),
  secretLookupByUsage: procedure(147, struct({ usageType: int, usageID: text }), secretResult),
  secretGetXMLDesc: procedure(143, struct({ secret, flags: uint }), struct({ xml: text })),
  secretSetValue: procedure(144, struct({ secret, value: opaque(Limit.SECRET_VALUE), flags: uint }), nothing),
  secretGetValue: procedure(145, struct({ secret, flags: uint }), struct({ value: opaqueOnce(Limit.SECRET_VALUE) })),
  secretUndefine: procedure(146, struct({ secret }), nothing),
} as const

export type ProcedureName = keyof typeof procedures
export type Args<N extends ProcedureName> = ValueOf<(typeof procedures)[N]['args']>
export type Result<N extends ProcedureName> = ValueOf<(typeof procedures)[N]['result']>

/** One kind of domain event: libvirt's event id to register, the procedure number that it comes as, and its message. */
export interface EventKind<M> {
  readonly eventID: number
  readonly number: number
  readonly message: Codec<M>
}

const event = <M>(eventID: number, number: number, message: Codec<M>): EventKind<M> => ({ eventID, number, message })

const withAlias = struct({ callbackID: int, dom: domain, devAlias: text })

/** Every domain event that this client knows, in the flavour with a callback id. */
export const events = {
  lifecycle: event(0, 318, struct({ callbackID: int, dom: domain, event: int, detail: int })),
  reboot: event(1, 319, struct({ callbackID: int, dom: domain })),
  deviceRemoved: event(15, 333, withAlias),
  blockJob2: event(16, 339, struct({ callbackID: int, dom: domain, dst: text, type: int, status: int })),
  deviceAdded: event(19, 354, withAlias),
  deviceRemovalFailed: event(22, 367, withAlias),
} as const

export type EventName = keyof typeof events
/** What a listener of this event gets. */
export type EventMessage<N extends EventName> = ValueOf<(typeof events)[N]['message']>

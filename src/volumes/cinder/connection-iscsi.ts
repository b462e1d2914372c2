import type { ConnectionData, IscsiConnectionInfo } from '#src/core/connection-info.ts'
import type { ConnectionFacts, Secrets } from './connection-facts.ts'
import type { ConnectionFields } from './connection-fields.ts'

const PORTAL = /^([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\]):\d{1,5}$/
/** RFC 3720, 3.2.6.3, within what a shell, a path and XML leave alone. */
const IQN = /^(iqn\.\d{4}-\d{2}\.[A-Za-z0-9.:_-]{1,211}|eui\.[0-9A-Fa-f]{16}|naa\.[0-9A-Fa-f]{16,32})$/
const METHOD = /^(CHAP|None)$/i
const USER = /^[A-Za-z0-9][A-Za-z0-9.:_@+-]{0,222}$/
const PASSWORD = /^[\x20-\x7e]{1,255}$/

/** Largest number of a logical unit that Linux takes. */
const MAX_LUN = 16_383

/** As Cinder's iSCSI drivers hand it out: one target, or as many as there are paths. */
export function readIscsi(
  fields: ConnectionFields,
  facts: ConnectionFacts,
): { readonly data: Omit<IscsiConnectionInfo['data'], keyof ConnectionData>; readonly secrets: Secrets } {
  const auth = (prefix: string) => ({
    method: fields.optionalText(`${prefix}auth_method`, METHOD, "'CHAP'"),
    username: fields.optionalText(`${prefix}auth_username`, USER, 'a plain name'),
    password: fields.secret(`${prefix}auth_password`, PASSWORD, 'a printable password'),
  })
  const session = auth('')
  const discovery = auth('discovery_')
  const data = {
    targets: targetsOf(fields, facts),
    auth_method: session.method,
    auth_username: session.username,
    discovery_auth_method: discovery.method,
    discovery_auth_username: discovery.username,
  }
  return { data, secrets: { auth_password: session.password, discovery_auth_password: discovery.password } }
}

function targetsOf(fields: ConnectionFields, facts: ConnectionFacts): IscsiConnectionInfo['data']['targets'] {
  if (!['target_portals', 'target_iqns', 'target_luns'].every(name => fields.has(name))) {
    const portal = checkedPortal(fields, fields.text('target_portal', PORTAL, '<host>:<port>'), 'target_portal')
    const iqn = ownIqn(fields, facts, fields.text('target_iqn', IQN, 'an iSCSI name'), 'target_iqn')
    return [{ portal, iqn, lun: lunOf(fields, 'target_lun') }]
  }
  const portals = fields.texts('target_portals', PORTAL, '<host>:<port>')
  const iqns = fields.texts('target_iqns', IQN, 'iSCSI names')
  const luns = fields.list('target_luns')
  if (iqns.length !== portals.length || luns.length !== portals.length) {
    throw fields.malformed('target_portals', `list as long as 'target_iqns' and 'target_luns'`)
  }
  return portals.map((portal, index) => ({
    portal: checkedPortal(fields, portal, 'target_portals'),
    iqn: ownIqn(fields, facts, iqns[index] ?? '', 'target_iqns'),
    lun: lunFrom(fields, luns[index], 'target_luns'),
  }))
}

function checkedPortal(fields: ConnectionFields, portal: string, name: string): string {
  const port = Number(portal.slice(portal.lastIndexOf(':') + 1))
  if (port >= 1 && port <= 65_535) return portal
  throw fields.unsafe(name, 'a port from 1 to 65535', portal)
}

/** Of most arrays many volumes share a target. One that is called after a volume is that volume's. */
function ownIqn(fields: ConnectionFields, { volumeId, nameId }: ConnectionFacts, iqn: string, name: string): string {
  const of = /volume-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/i.exec(iqn)?.[1]?.toLowerCase()
  if (of === undefined || of === volumeId || of === nameId) return iqn
  throw fields.unsafe(name, `the target of this volume`, iqn)
}

const lunOf = (fields: ConnectionFields, name: string): number => lunFrom(fields, fields.value(name), name)

function lunFrom(fields: ConnectionFields, value: unknown, name: string): number {
  const lun = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value
  if (typeof lun !== 'number' || !Number.isInteger(lun)) throw fields.malformed(name, 'number')
  if (lun >= 0 && lun <= MAX_LUN) return lun
  throw fields.unsafe(name, `a number from 0 to ${MAX_LUN}`, value)
}

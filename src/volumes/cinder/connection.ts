import type { ConnectionData, ConnectionInfo } from '#src/core/connection-info.ts'
import type { Sealer } from '#src/core/sealer.ts'
import { Secret } from '#src/core/secret.ts'
import { connectionTrouble } from './connection-errors.ts'
import type { ConnectionFacts, Secrets } from './connection-facts.ts'
import { ConnectionFields } from './connection-fields.ts'
import { readIscsi } from './connection-iscsi.ts'
import { readRbd } from './connection-rbd.ts'

type Raw = Readonly<Record<string, unknown>>

/**
 * What a driver of Cinder hands out, of either shape: flat as attachments have it, or `{driver_volume_type, data}` as
 * initialize_connection gives it. Only what is known to be sound is taken; secrets are sealed at once.
 * @throws HoldfastError `connection-info-unsupported` (kinds that Holdfast cannot connect), `connection-info-malformed` (corrupt:
 * a field is missing or of another type), `connection-info-unsafe` (unsafe: it is of another volume or pool, or no such value
 * may come near a command or XML)
 */
export async function readConnection(
  raw: Raw,
  facts: ConnectionFacts,
  sealer: Sealer,
  signal?: AbortSignal,
): Promise<ConnectionInfo> {
  const { info, secrets } = parseConnection(raw, facts)
  const sealed: Record<string, string> = {}
  for (const [name, text] of Object.entries(secrets)) {
    if (text === undefined) continue
    using secret = new Secret(new TextEncoder().encode(text))
    sealed[name] = await sealer.seal(secret, `${facts.volumeId}/${name}`, signal)
  }
  return { ...info, data: { ...info.data, ...sealed } } as ConnectionInfo
}

function parseConnection(
  raw: Raw,
  facts: ConnectionFacts,
): { readonly info: ConnectionInfo; readonly secrets: Secrets } {
  const kind = raw.driver_volume_type
  const data = 'data' in raw ? raw.data : raw
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw connectionTrouble('malformed', facts.volumeId, "has no object 'data'")
  }
  if (typeof kind !== 'string') {
    throw connectionTrouble('malformed', facts.volumeId, "has no text 'driver_volume_type'", { value: kind })
  }
  const fields = new ConnectionFields(facts.volumeId, data as Raw)
  const common = commonData(fields, facts)
  const base = { volume_id: facts.volumeId, attachment_id: facts.attachmentId, host: facts.host }
  if (kind === 'rbd') {
    const { data: own, secrets } = readRbd(fields, facts)
    return { info: { driver_volume_type: 'rbd', ...base, data: { ...common, ...own } }, secrets }
  }
  if (kind === 'iscsi') {
    const { data: own, secrets } = readIscsi(fields, facts)
    return { info: { driver_volume_type: 'iscsi', ...base, data: { ...common, ...own } }, secrets }
  }
  throw connectionTrouble('unsupported', facts.volumeId, "must be of kind 'rbd' or 'iscsi'", { value: kind })
}

/** `encrypted` if anything says so: the driver's word alone never makes a volume plain. */
function commonData(fields: ConnectionFields, facts: ConnectionFacts): ConnectionData {
  const own = fields.optionalText('volume_id', /^/, 'the id of the volume')
  if (own !== undefined && own !== facts.volumeId) throw fields.unsafe('volume_id', `'${facts.volumeId}'`)
  const mode = fields.optionalText('access_mode', /^(rw|ro)$/, "'rw' or 'ro'")
  return {
    access_mode: mode === 'ro' ? 'ro' : 'rw',
    encrypted: fields.flag('encrypted') || facts.encrypted,
    multiattach: facts.multiattach,
    discard: fields.flag('discard'),
  }
}

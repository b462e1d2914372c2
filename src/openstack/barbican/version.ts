import type { ServiceClient } from '../service-client.ts'
import { AnswerReader } from './fields.ts'
import { send } from './request.ts'

/** Microversions of API version 1; undefined for a server from before it had any (Barbican before Zed). */
export interface Microversions {
  readonly minimum: string
  readonly maximum: string
}

/** Barbican tells its microversions only to a request that names one; a server without them does not look at that. */
export async function getMicroversions(
  client: ServiceClient,
  signal?: AbortSignal,
): Promise<Microversions | undefined> {
  const reply = await send(client, { method: 'GET', path: '', microversion: 'latest', signal })
  const read = new AnswerReader('its version', reply)
  const version = read.object(read.object(reply.json()).version)
  const maximum = read.optionalText(version, 'max_version')
  if (maximum === undefined) return undefined
  const minimum = read.text(version, 'min_version')
  for (const text of [minimum, maximum]) if (!/^\d+\.\d+$/.test(text)) throw read.malformed(`tells version '${text}'`)
  return { minimum, maximum }
}

/** Whether `wanted` (`1.1`) is among them. */
export function includes(versions: Microversions | undefined, wanted: string): boolean {
  if (!versions) return false
  const [low, high, at] = [versions.minimum, versions.maximum, wanted].map(rank)
  return at !== undefined && low !== undefined && high !== undefined && low <= at && at <= high
}

const rank = (text: string): number => {
  const [major = 0, minor = 0] = text.split('.').map(Number)
  return major * 100_000 + minor
}

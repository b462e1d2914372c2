import { simCeph } from '#src/sim/ceph.ts'
import type { SimKey } from '#src/sim/key-manager.ts'
import { simStoreDisk } from '#src/sim/store.ts'
import type { World } from '#src/sim/world.ts'
import { cloudOf } from './cloud/rows.ts'

/** By hexadecimal spelling: all of them. */
const SPELT = new Map<string, readonly string[]>()

/** How bytes of a key, or its passphrase, may be spelt in a text. */
export function spellings(bytes: Uint8Array): readonly string[] {
  const key = Buffer.from(bytes)
  const hex = key.toString('hex')
  const known = SPELT.get(hex) ?? spell(key, hex)
  SPELT.set(hex, known)
  return known
}

function spell(key: Buffer, hex: string): readonly string[] {
  const base64 = key.toString('base64').replaceAll('=', '')
  const passphrase = Buffer.from(hex).toString('base64').replaceAll('=', '')
  const raw = key.toString('latin1')
  const escaped = JSON.stringify(raw).slice(1, -1)
  return [hex, hex.toUpperCase(), base64, key.toString('base64url'), passphrase, raw, escaped, [...key].join(',')]
}

/** Rows are never changed in place: each is looked through once for the keys that there are. */
const LOOKED: WeakMap<object, number> = new WeakMap()

/** I6: rows of the store, its journal with them, in which a key of this world is to be read. */
export function secretsIn(world: World): readonly string[] {
  const { instances, mappings, operations, entries } = simStoreDisk(world).rows
  const keys = keysOf(world)
  const told: string[] = []
  const look = (row: object) => {
    if (LOOKED.get(row) === keys.size) return
    const found = secretsInTexts(world, [JSON.stringify(row)], 'a row of the store')
    if (found.length === 0) LOOKED.set(row, keys.size)
    told.push(...found)
  }
  for (const rows of [instances, mappings, operations]) for (const row of rows.values()) look(row)
  for (const all of entries.values()) for (const row of all) look(row)
  return told
}

/** I6: texts in which a key of this world is to be read. */
export function secretsInTexts(world: World, texts: readonly string[], what: string): readonly string[] {
  return [...keysOf(world)].flatMap(([id, { bytes }]) => {
    const spelt = spellings(bytes)
    const found = texts.filter(text => spelt.some(spelling => text.includes(spelling)))
    return found.map(text => `I6 key ${id} is to be read in ${what}: ${text.slice(0, 200)}`)
  })
}

/** All that must never be told: keys of the embedded key manager and of Barbican, keys of Ceph users, passwords. */
function keysOf(world: World): ReadonlyMap<string, { readonly bytes: Uint8Array }> {
  const embedded = world.slot('keys', () => new Map<string, SimKey>())
  const cloud = cloudOf(world)
  if (!cloud) return embedded
  const bytesOf = (text: string) => Buffer.from(text)
  const payloads = [...cloud.secrets.values()].map(
    ({ id, payload = new Uint8Array() }) => [id, { bytes: payload }] as const,
  )
  const passwords = [...cloud.users.values()].map(({ name, password }) => [name, { bytes: bytesOf(password) }] as const)
  const users = [...simCeph(world).users].map(([name, key]) => [`ceph ${name}`, { bytes: bytesOf(key) }] as const)
  return new Map([...embedded, ...payloads.filter(([, { bytes }]) => bytes.length > 0), ...passwords, ...users])
}

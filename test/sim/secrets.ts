import type { SimKey } from '#src/sim/key-manager.ts'
import { simStoreDisk } from '#src/sim/store.ts'
import type { World } from '#src/sim/world.ts'

/** How bytes of a key may be spelt in a text. */
export function spellings(bytes: Uint8Array): readonly string[] {
  const key = Buffer.from(bytes)
  const hex = key.toString('hex')
  const base64 = key.toString('base64').replaceAll('=', '')
  const passphrase = Buffer.from(hex).toString('base64').replaceAll('=', '')
  return [
    hex,
    hex.toUpperCase(),
    base64,
    key.toString('base64url'),
    passphrase,
    key.toString('latin1'),
    [...key].join(','),
  ]
}

/** I6: rows of the store, its journal with them, in which a key of this world is to be read. */
export function secretsIn(world: World): readonly string[] {
  const { instances, mappings, operations, entries } = simStoreDisk(world).rows
  const rows = [...instances.values(), ...mappings.values(), ...operations.values(), ...[...entries.values()].flat()]
  return secretsInTexts(
    world,
    rows.map(row => JSON.stringify(row)),
    'a row of the store',
  )
}

/** I6: texts in which a key of this world is to be read. */
export function secretsInTexts(world: World, texts: readonly string[], what: string): readonly string[] {
  const keys = world.slot('keys', () => new Map<string, SimKey>())
  return [...keys].flatMap(([id, { bytes }]) => {
    const found = texts.filter(text => spellings(bytes).some(spelling => text.includes(spelling)))
    return found.map(text => `I6 key ${id} is to be read in ${what}: ${text.slice(0, 200)}`)
  })
}

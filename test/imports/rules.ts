/** Which way imports go. Types count too. Rooms are the folders directly under `src`. */

export const PORTS: readonly string[] = ['volumes', 'keys', 'connectors', 'encryptors', 'hypervisor', 'nics', 'store']

/** The only file and the only room that know every implementation. */
const LIBRARY = 'src/index.ts'
const COMPOSITION_ROOM = 'composition'
const isCompositionRoot = (place: Place): boolean => place.path === LIBRARY || place.room === COMPOSITION_ROOM

/** Directly in `src`, but no more than a type of the library's face. */
const FACE = 'src/holdfast.ts'

const HOST = 'src/host/host.ts'
const TRANSPORT = 'src/http/transport.ts'

/** Words of the face that the command line shows: as types only. */
const FACE_TYPES: readonly string[] = [
  'src/engine/api.ts',
  'src/engine/host-api.ts',
  'src/journal/operation.ts',
  'src/store/records.ts',
  'src/volumes/volume-service.ts',
]

const LOWEST = ['core']
const TOOLS = ['host', 'config', 'http']
const SERVICES = ['libvirt', 'openstack', 'journal']

/** Whole rooms that a room may import from, its own apart. */
const ROOMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['core', []],
  ...TOOLS.map(room => [room, LOWEST] as const),
  ['libvirt', LOWEST],
  ['openstack', [...LOWEST, ...TOOLS]],
  ['journal', [...LOWEST, ...TOOLS]],
  ...PORTS.map(room => [room, [...LOWEST, ...TOOLS, ...SERVICES]] as const),
  ['engine', ['core', 'journal']],
  ['sim', ['core', 'journal']],
  ['cli', ['core', 'config']],
])

export interface Place {
  readonly path: string
  /** First folder under `src`; empty for a file directly in `src`, undefined outside. */
  readonly room: string | undefined
  /** Folder of an implementation within a port; undefined for the port's own files. */
  readonly part: string | undefined
}

export function placeOf(path: string): Place {
  const [top, ...folders] = path.split('/').slice(0, -1)
  if (top !== 'src') return { path, room: undefined, part: undefined }
  const [room = '', part] = folders
  return { path, room, part: PORTS.includes(room) ? part : undefined }
}

/**
 * Tests, conformance suites (`conformance.ts`, `conformance-*.ts`) and what they share (`testing.ts`, `test-*.ts`,
 * `*-fixture.ts`, `*-suite.ts`, folders named `testing`) may import anything; no other file may import them.
 */
export const isTestFile = (path: string): boolean =>
  /\.test\.ts$|(^|\/)(conformance(-[a-z0-9-]+)?|testing|test-[a-z0-9-]+|[a-z0-9-]*(fixtures?|suite))\.ts$|\/testing\//.test(
    path,
  )

/** Why this import may not be, or undefined. */
export function refusal(from: Place, to: Place, typeOnly: boolean): string | undefined {
  if (isTestFile(from.path)) return undefined
  if (isTestFile(to.path)) return 'only tests may import a test file'
  if (from.room === undefined) return fromOutside(to)
  if (to.room === undefined) return to.path === 'package.json' ? undefined : 'nothing in src may import from outside it'
  if (isCompositionRoot(from)) {
    return to.room === 'cli' ? 'the library does not know its command line' : undefined
  }
  if (from.path === FACE) return typeOnly ? undefined : 'the face has types only'
  if (from.room === to.room) return withinRoom(from, to)
  return acrossRooms(from, to, typeOnly)
}

const fromOutside = (to: Place): string | undefined =>
  to.room === undefined || to.room === 'cli' || to.room === 'core'
    ? undefined
    : 'a program imports only src/cli and src/core'

function withinRoom(from: Place, to: Place): string | undefined {
  if (from.part === to.part || to.part === undefined) return undefined
  return from.part === undefined
    ? 'a port does not know its implementations'
    : 'implementations of a port do not know each other'
}

function acrossRooms(from: Place, to: Place, typeOnly: boolean): string | undefined {
  const room = from.room ?? ''
  const allowed = ROOMS.get(room)
  if (!allowed) return `'${room}' has no place in the order of rooms: add it to the rules`
  if (to.room !== undefined && allowed.includes(to.room)) return undefined
  if (room === 'cli') return forCli(to, typeOnly)
  if ((room === 'engine' || room === 'sim') && to.room !== undefined) {
    if (to.path === HOST || (room === 'sim' && to.path === TRANSPORT)) return undefined
    if (PORTS.includes(to.room)) return to.part === undefined ? undefined : `${room} knows ports, not implementations`
  }
  return `${room} may not import from ${to.room === '' ? to.path : to.room}`
}

function forCli(to: Place, typeOnly: boolean): string | undefined {
  if (to.path === 'src/index.ts' || to.path === FACE) return undefined
  if (!FACE_TYPES.includes(to.path)) return `cli calls the library's face only`
  return typeOnly ? undefined : 'cli takes types only from here'
}

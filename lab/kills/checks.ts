import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gibToBytes, MIB } from '#src/core/sizes.ts'
import type { Volume } from '#src/volumes/volume-service.ts'
import { type Opened, POOL, STATE } from './open.ts'
import { operationNamed, type Stage } from './operations.ts'
import type { Ledger } from './protocol.ts'

const runTool = promisify(execFile)
const output = async (tool: string, ...args: string[]): Promise<string> => (await runTool(tool, args)).stdout

/** Bytes of both copies of a LUKS2 header with its key slots' parameters; of a LUKS1 header with its slots' salts. */
const HEADER_BYTES = 32 * 1024

/** Where marks are written in a volume, beyond all that a boot sector or partition table could be. */
export const MARK_OFFSET = 1 << 20

export async function headerDigest(volumeId: string): Promise<string> {
  const file = await open(join(POOL, `volume-${volumeId}`))
  try {
    const bytes = Buffer.alloc(HEADER_BYTES)
    await file.read(bytes, 0, HEADER_BYTES, 0)
    if (bytes.toString('latin1', 0, 4) !== 'LUKS') return 'no LUKS header'
    return createHash('sha256').update(bytes).digest('hex')
  } finally {
    await file.close()
  }
}

/** The host as its own tools show it. Nothing here asks Holdfast. */
interface Sight {
  /** By name: target, the device below (`7:0`). */
  readonly mappings: ReadonlyMap<string, { readonly target: string; readonly below: string }>
  /** By device (`7:0`): the file below. */
  readonly loops: ReadonlyMap<string, string>
  readonly pool: readonly string[]
}

async function look(): Promise<Sight> {
  const [table, loops, pool] = await Promise.all([
    output('dmsetup', 'table'),
    output('losetup', '--list', '--json', '--output', 'MAJ:MIN,BACK-FILE'),
    readdir(POOL),
  ])
  const rows = loops.trim() === '' ? [] : (JSON.parse(loops) as LoopList).loopdevices
  return {
    mappings: parseTable(table),
    loops: new Map(rows.map(row => [row['maj:min'].trim(), row['back-file']])),
    pool,
  }
}

interface LoopList {
  readonly loopdevices: readonly { readonly 'maj:min': string; readonly 'back-file': string }[]
}

/** `crypt-<id>: 0 2097152 crypt aes-xts-plain64 :64:logon:… 0 7:0 32768` */
function parseTable(text: string): Sight['mappings'] {
  const lines = text.split('\n').filter(line => line.includes(': '))
  return new Map(
    lines.map(line => {
      const [name = '', rest = ''] = line.split(': ')
      const words = rest.split(' ')
      return [name, { target: words[2] ?? '', below: words[6] ?? '' }]
    }),
  )
}

/** All that must hold after a recovery, whatever was cut; one line for each thing that does not. */
export async function wrongAfter(stage: Stage, ledger: Ledger): Promise<readonly string[]> {
  const { holdfast } = stage
  const [sight, volumes] = await Promise.all([look(), holdfast.volumes.getAll()])
  const { last } = ledger
  return [
    ...(await wrongOperations(holdfast)),
    ...(await wrongInstances(holdfast)),
    ...(await wrongVolumes(holdfast, volumes, sight)),
    ...(await wrongMappings(holdfast, sight)),
    ...(await wrongKeys(holdfast, volumes)),
    ...(await wrongHeaders(volumes, ledger)),
    ...(await wrongMarks(sight, ledger)),
    ...(await leftFiles()),
    ...(await ownFindings(holdfast, volumes)),
    ...(last?.done ? await operationNamed(last.name).promise(stage) : []),
  ]
}

async function wrongOperations({ operations }: Opened): Promise<readonly string[]> {
  const open = await operations.list({ unfinished: true })
  return open.map(({ kind, id, state, error }) => `${kind} ${id} is still '${state}': ${error?.message}`)
}

/** Every instance here is wanted running; one whose create had not come through is not there. */
async function wrongInstances({ instances }: Opened): Promise<readonly string[]> {
  const all = await instances.list()
  const names = all.map(({ record }) => record.name)
  return [
    ...(names.includes('web') ? [] : ['instance web is gone']),
    ...all
      .filter(({ record, power }) => record.status !== 'ACTIVE' || power !== 'running')
      .map(
        ({ record, power }) =>
          `instance ${record.name} is ${record.status}, its domain ${power}: ${record.fault?.message}`,
      ),
  ]
}

async function wrongVolumes(
  { store }: Opened,
  volumes: readonly Volume[],
  { pool }: Sight,
): Promise<readonly string[]> {
  const mapped = new Set((await store.allMappings()).map(row => row.volumeId))
  const files = new Map(volumes.map(volume => [`volume-${volume.id}`, volume]))
  return [
    ...volumes.flatMap(({ id, name, status }) => {
      const wanted = mapped.has(id) ? 'in-use' : 'available'
      // A creation that was cut ends as `error`, without file and key: nobody had its id yet.
      const cut = status === 'error' && name === 'temp' && !pool.includes(`volume-${id}`)
      return status === wanted || cut ? [] : [`volume ${name} (${id}) is '${status}', not '${wanted}'`]
    }),
    ...volumes
      .filter(({ id, status }) => status !== 'error' && !pool.includes(`volume-${id}`))
      .map(({ id, name }) => `the file of volume ${name} (${id}) is gone`),
    ...(await wrongSizes(volumes.filter(({ id }) => pool.includes(`volume-${id}`)))),
    ...pool.filter(file => !files.has(file)).map(file => `${file} is left over in the pool`),
  ]
}

/** A file has its volume's size and a header before it: a LUKS2 one, or one that was LUKS1 while an image was written. */
async function wrongSizes(volumes: readonly Volume[]): Promise<readonly string[]> {
  const headers = await Promise.all(
    volumes.map(async ({ id, size }) => (await stat(join(POOL, `volume-${id}`))).size - gibToBytes(size)),
  )
  return volumes
    .map(({ id, size }, index) => ({ id, size, header: (headers[index] ?? 0) / MIB }))
    .filter(({ header }) => header !== 16 && header !== 2)
    .map(({ id, size, header }) => `the file of volume ${id} has ${header} MiB more than its ${size} GiB`)
}

/** Every instance runs, so each of its volumes has its mapping, over its file; and nothing else has one. */
async function wrongMappings({ store }: Opened, { mappings, loops }: Sight): Promise<readonly string[]> {
  const rows = await store.allMappings()
  const wanted = new Map(rows.map(row => [`crypt-${row.volumeId}`, row]))
  const files = rows.map(row => join(POOL, `volume-${row.volumeId}`))
  return [
    ...[...wanted].flatMap(([name, { volumeId, luksUuid }]) => {
      const found = mappings.get(name)
      if (found?.target !== 'crypt') return [`mapping ${name} is ${found?.target ?? 'not there'}`]
      const file = loops.get(found.below)
      return [
        ...(file === join(POOL, `volume-${volumeId}`) ? [] : [`mapping ${name} lies over ${file ?? found.below}`]),
        ...(luksUuid === volumeId ? [] : [`volume ${volumeId} is recorded with the LUKS UUID ${luksUuid}`]),
      ]
    }),
    ...[...mappings.keys()].filter(name => !wanted.has(name)).map(name => `mapping ${name} is left over`),
    ...[...loops.values()].filter(file => !files.includes(file)).map(file => `a loop device over ${file} is left over`),
    ...(loops.size === new Set(loops.values()).size ? [] : ['two loop devices lie over one file']),
  ]
}

/** One key for each volume that has a header, none for anything else. */
async function wrongKeys({ keys }: Opened, volumes: readonly Volume[]): Promise<readonly string[]> {
  const [found, wanted] = [(await keys.list()).length, volumes.filter(({ status }) => status !== 'error').length]
  return found === wanted ? [] : [`there are ${found} keys for ${wanted} encrypted volumes`]
}

/** A header is written once and stays: UUID, key slots, all of it (I5). */
async function wrongHeaders(volumes: readonly Volume[], { headers }: Ledger): Promise<readonly string[]> {
  const known = volumes.filter(({ id }) => headers[id] !== undefined)
  const now = await Promise.all(known.map(async ({ id }) => [id, await headerDigest(id)] as const))
  return [
    ...now.filter(([id, digest]) => digest !== headers[id]).map(([id]) => `the LUKS header of volume ${id} is another`),
  ]
}

async function wrongMarks({ mappings }: Sight, { marks }: Ledger): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const [volumeId, text] of Object.entries(marks)) {
    if (!mappings.has(`crypt-${volumeId}`)) continue
    const found = await readMark(volumeId, text.length)
    if (found !== text) wrong.push(`volume ${volumeId} has ${JSON.stringify(found)} where ${text} was synced`)
  }
  return wrong
}

async function readMark(volumeId: string, length: number): Promise<string> {
  const device = await open(`/dev/mapper/crypt-${volumeId}`)
  try {
    const bytes = Buffer.alloc(length)
    await device.read(bytes, 0, length, MARK_OFFSET)
    return bytes.toString('latin1')
  } finally {
    await device.close()
  }
}

/** What `writeAtomic` had begun, anywhere. */
async function leftFiles(): Promise<readonly string[]> {
  const all = await readdir(STATE, { recursive: true })
  return all.filter(name => name.endsWith('-tmp') || name.endsWith('.next')).map(name => `${name} is left over`)
}

/** What Holdfast itself finds wrong. */
async function ownFindings({ host }: Opened, volumes: readonly Volume[]): Promise<readonly string[]> {
  const cut = volumes.filter(({ status }) => status === 'error').map(({ id }) => id)
  const { findings, blind } = await host.check()
  return [
    ...findings
      .filter(({ danger, object }) => danger !== 'none' && !cut.some(id => object.includes(id)))
      .map(({ code, message }) => `host check: ${code}: ${message}`),
    ...blind.map(({ part, error }) => `host check could not see ${part}: ${error.message}`),
  ]
}

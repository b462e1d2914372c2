import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '#src/core/error.ts'
import { passphraseOf } from '#src/core/secret.ts'
import type { InstanceView } from '#src/engine/api.ts'
import type { Volume } from '#src/volumes/volume-service.ts'
import type { Lines } from './lines.ts'
import { type Opened, POOL } from './open.ts'

/** A raw image of 4 MiB on the host, read-only for the guest, so that its text is nowhere on the disk. */
export const IMAGE = '/results/image.raw'
export const TYPE = 'secret'

export interface Stage {
  readonly holdfast: Opened
  readonly lines: Lines
  /** Notes a volume's LUKS header as the one that it must keep. */
  readonly noteHeader: (volumeId: string) => Promise<void>
}

interface Operation {
  readonly name: string
  /** Brings about what the operation begins with; no strike falls here. */
  readonly prepare: (stage: Stage) => Promise<void>
  readonly run: (stage: Stage) => Promise<void>
  /** What must be there once `run` has come back, power cut or not; empty if it is. */
  readonly promise: (stage: Stage) => Promise<readonly string[]>
}

/** The first volumes and the first instance: `web` with the encrypted volume `root`, and the encrypted volume `data` beside it. */
export async function setUp(stage: Stage): Promise<void> {
  const { holdfast } = stage
  const encryption = { provider: 'luks2', cipher: 'aes-xts-plain64', keySize: 512 } as const
  await holdfast.volumes.createVolumeType({ name: TYPE, encryption })
  const root = await makeVolume(stage, 'root')
  await makeVolume(stage, 'data')
  await makeInstance(stage, 'web', root)
}

async function makeVolume({ holdfast, noteHeader }: Stage, name: string, more: object = {}): Promise<string> {
  const { id } = await holdfast.volumes.create({ size: 1, name, volumeType: TYPE, ...more })
  await noteHeader(id)
  return id
}

async function makeInstance({ holdfast, lines }: Stage, name: string, volumeId: string): Promise<void> {
  const volumes = [{ volumeId, boot: true, deleteOnTermination: name === 'temp' }]
  await holdfast.instances.create({ name, memoryMib: 64, cpus: 1, volumes, networks: [] }, { observer: lines.observer })
}

export async function volumeNamed({ holdfast }: Pick<Stage, 'holdfast'>, name: string): Promise<Volume | undefined> {
  return (await holdfast.volumes.getAll({ name }))[0]
}

async function volume(stage: Stage, name: string): Promise<Volume> {
  const found = await volumeNamed(stage, name)
  if (!found) throw new Error(`there is no volume ${name}`)
  return found
}

async function instanceNamed({ holdfast }: Stage, name: string): Promise<InstanceView | undefined> {
  return (await holdfast.instances.list()).find(({ record }) => record.name === name)
}

async function instance(stage: Stage, name: string): Promise<string> {
  const found = await instanceNamed(stage, name)
  if (!found) throw new Error(`there is no instance ${name}`)
  return found.record.id
}

async function attach(stage: Stage, name: string): Promise<void> {
  const options = { observer: stage.lines.observer }
  await stage.holdfast.instances.attach(await instance(stage, 'web'), (await volume(stage, name)).id, options)
}

async function detach(stage: Stage, name: string): Promise<void> {
  const options = { observer: stage.lines.observer }
  await stage.holdfast.instances.detach(await instance(stage, 'web'), (await volume(stage, name)).id, options)
}

const isAttached = async (stage: Stage, name: string): Promise<boolean> =>
  (await volumeNamed(stage, name))?.status === 'in-use'

async function dataAttached(stage: Stage): Promise<void> {
  if (!(await isAttached(stage, 'data'))) await attach(stage, 'data')
}

async function dataDetached(stage: Stage): Promise<void> {
  if (await isAttached(stage, 'data')) await detach(stage, 'data')
}

/** Nothing is left of what earlier operations made for a while. */
async function noTemps(stage: Stage): Promise<void> {
  const { holdfast } = stage
  const temporary = await instanceNamed(stage, 'temp')
  if (temporary) await holdfast.instances.delete(temporary.record.id)
  if (await isAttached(stage, 'temp')) await detach(stage, 'temp')
  for (const { id } of await holdfast.volumes.getAll({ name: 'temp' })) await holdfast.volumes.delete(id)
}

async function expect(what: string, found: unknown, wanted: unknown): Promise<readonly string[]> {
  return found === wanted ? [] : [`${what} is ${String(found)}, though it had become ${String(wanted)}`]
}

const statusOf = async (stage: Stage, name: string) => (await volumeNamed(stage, name))?.status

const expectStatus = async (stage: Stage, name: string, wanted: string | undefined) =>
  await expect(`volume ${name}`, await statusOf(stage, name), wanted)

const expectInstance = async (stage: Stage, name: string, wanted: string | undefined) =>
  await expect(`instance ${name}`, (await instanceNamed(stage, name))?.record.status, wanted)

/** The volume's content is the whole image, decrypted with its key by cryptsetup alone. */
async function expectImage(stage: Stage): Promise<readonly string[]> {
  const { id, encrypted } = await volume(stage, 'temp')
  const wanted = await readFile(IMAGE)
  const found = encrypted ? await contentOf(stage.holdfast, id, wanted.length) : undefined
  return found?.equals(wanted) ? [] : [`volume temp (${id}) does not hold the image that it was made from`]
}

async function contentOf({ volumes, keys }: Opened, volumeId: string, length: number): Promise<Buffer> {
  const name = 'kills-look'
  const file = join(POOL, `volume-${volumeId}`)
  const encryption = await volumes.getVolumeEncryptionMetadata(volumeId)
  using passphrase = passphraseOf((await keys.get(encryption?.keyId ?? '')).secret)
  const open = ['open', '--readonly', '--key-file=-', file, name]
  execFileSync('cryptsetup', open, { input: passphrase.reveal() })
  try {
    return execFileSync('head', ['-c', String(length), `/dev/mapper/${name}`], { maxBuffer: 2 * length })
  } finally {
    execFileSync('cryptsetup', ['close', name])
  }
}

/** What is cut. Each takes a scene that it brings about itself, so that they can follow each other in any order. */
export const OPERATIONS: readonly Operation[] = [
  {
    name: 'attach',
    prepare: dataDetached,
    run: stage => attach(stage, 'data'),
    promise: stage => expectStatus(stage, 'data', 'in-use'),
  },
  {
    name: 'hard-reboot',
    prepare: dataAttached,
    run: async stage => {
      const options = { observer: stage.lines.observer }
      await stage.holdfast.instances.hardReboot(await instance(stage, 'web'), options)
    },
    promise: stage => expectInstance(stage, 'web', 'ACTIVE'),
  },
  {
    name: 'detach',
    prepare: dataAttached,
    run: stage => detach(stage, 'data'),
    promise: stage => expectStatus(stage, 'data', 'available'),
  },
  {
    name: 'extend',
    prepare: dataDetached,
    run: async stage => {
      const { id, size } = await volume(stage, 'data')
      await stage.holdfast.volumes.extend(id, size + 1)
    },
    promise: stage => expectStatus(stage, 'data', 'available'),
  },
  {
    name: 'first-use',
    prepare: noTemps,
    run: async stage => {
      await makeVolume(stage, 'temp')
      await attach(stage, 'temp')
    },
    promise: stage => expectStatus(stage, 'temp', 'in-use'),
  },
  {
    name: 'from-image',
    prepare: noTemps,
    run: async stage => void (await makeVolume(stage, 'temp', { imageFile: IMAGE })),
    promise: async stage => [...(await expectStatus(stage, 'temp', 'available')), ...(await expectImage(stage))],
  },
  {
    name: 'clone',
    prepare: async stage => {
      await noTemps(stage)
      await dataDetached(stage)
    },
    run: async stage => {
      const { id: sourceVolumeId } = await volume(stage, 'data')
      const { id } = await stage.holdfast.volumes.create({ sourceVolumeId, name: 'temp' })
      await stage.noteHeader(id)
    },
    promise: stage => expectStatus(stage, 'temp', 'available'),
  },
  {
    name: 'create',
    prepare: async stage => {
      await noTemps(stage)
      await makeVolume(stage, 'temp')
    },
    run: async stage => await makeInstance(stage, 'temp', (await volume(stage, 'temp')).id),
    promise: stage => expectInstance(stage, 'temp', 'ACTIVE'),
  },
  {
    name: 'delete',
    prepare: async stage => {
      if (await instanceNamed(stage, 'temp')) return
      await noTemps(stage)
      await makeInstance(stage, 'temp', await makeVolume(stage, 'temp'))
    },
    run: async stage => {
      const options = { observer: stage.lines.observer }
      await stage.holdfast.instances.delete(await instance(stage, 'temp'), options)
    },
    promise: async stage => [
      ...(await expectInstance(stage, 'temp', undefined)),
      ...(await expectStatus(stage, 'temp', undefined)),
    ],
  },
]

export function operationNamed(name: string): Operation {
  const found = OPERATIONS.find(operation => operation.name === name)
  if (!found) throw new Error(`there is no operation ${name}; there are ${OPERATIONS.map(one => one.name).join(', ')}`)
  return found
}

/** Deletes by hand what a creation that the cut ended has left as `error`; that is what an operator does with it. */
export async function clearErrors({ holdfast }: Stage): Promise<void> {
  for (const { id } of await holdfast.volumes.getAll({ status: 'error' })) {
    await holdfast.volumes.delete(id).catch(error => {
      if (!hasCode(error, 'volume-not-found')) throw error
    })
  }
}

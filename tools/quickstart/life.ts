import type { Observer } from '#src/engine/api.ts'
import type { Holdfast } from '#src/holdfast.ts'
import type { Volume } from '#src/volumes/volume-service.ts'
import { consoleSize, waitForConsoleLine } from './console-log.ts'

/** What is shown of the life as it goes on: a heading for each act, the steps of the operations inside. */
export interface Stage {
  act<T>(title: string, work: () => Promise<T>): Promise<T>
  /** A line inside the act that is on. */
  note(text: string): void
  readonly observer: Observer
}

/** Leaves the host broken in the ways that a power cut and a clumsy repair do. */
export type HostBreaker = (instanceId: string, volumeId: string) => Promise<readonly string[]>

export interface LifeRequest {
  readonly name: string
  /** Name of an encrypted volume type; made if it is not there. */
  readonly volumeType: string
  readonly provider: 'luks' | 'luks2'
  readonly guest: { readonly kernel: string; readonly initrd: string }
  /** Kernel arguments; what the guest is to write is added. */
  readonly append: string
  readonly memoryMib: number
  readonly marker: string
  readonly breakHost: HostBreaker
  /** How long one boot of the guest may take, milliseconds. */
  readonly bootMs: number
}

export interface Life {
  readonly instanceId: string
  readonly volume: Volume
  /** What the guest itself wrote on its console after the hard reboot. */
  readonly proof: string
}

/**
 * The whole point of Holdfast, told by the guest itself: an encrypted volume, an instance that writes to it, a broken
 * host, a hard reboot, and the guest reading its data back.
 */
export async function live(holdfast: Holdfast, stage: Stage, request: LifeRequest): Promise<Life> {
  const { name, marker } = request
  const volume = await stage.act('create an encrypted volume', () => createVolume(holdfast, request))
  const instanceId = await stage.act('create and start an instance with it', () =>
    createInstance(holdfast, stage, request, volume.id),
  )
  const console = await holdfast.instances.consoleLog(instanceId)
  const boot = () => AbortSignal.timeout(request.bootMs)
  await stage.act('the guest writes a marker to the volume', () =>
    waitForConsoleLine(console, 0, new RegExp(`holdfast-guest: wrote marker ${marker} `), boot()),
  )
  await stage.act('break the host', async () => {
    for (const line of await request.breakHost(instanceId, volume.id)) stage.note(line)
  })
  const before = await consoleSize(console)
  await stage.act(`hard reboot ${name}`, () => holdfast.instances.hardReboot(instanceId, { observer: stage.observer }))
  const [proof] = await stage.act('the guest reads its marker back', () =>
    waitForConsoleLine(console, before, new RegExp(`holdfast-guest: disk vd[a-z] .*marker=${marker}\\b`), boot()),
  )
  return { instanceId, volume, proof }
}

async function createVolume(holdfast: Holdfast, request: LifeRequest): Promise<Volume> {
  const types = await holdfast.volumes.getAllVolumeTypes()
  if (!types.some(type => type.name === request.volumeType)) {
    await holdfast.volumes.createVolumeType({
      name: request.volumeType,
      encryption: {
        provider: request.provider,
        cipher: 'aes-xts-plain64',
        keySize: 512,
        controlLocation: 'front-end',
      },
    })
  }
  const { volumes } = holdfast
  const made = await volumes.create({ size: 1, name: `${request.name}-data`, volumeType: request.volumeType })
  return (await volumes.settled(made.id)) ?? made
}

async function createInstance(
  holdfast: Holdfast,
  stage: Stage,
  request: LifeRequest,
  volumeId: string,
): Promise<string> {
  const append = `${request.append} holdfast.write=${request.marker}`
  const { id } = await holdfast.instances.create(
    {
      name: request.name,
      memoryMib: request.memoryMib,
      cpus: 1,
      volumes: [{ volumeId }],
      kernel: { image: request.guest.kernel, initrd: request.guest.initrd, append },
      networks: [],
    },
    { observer: stage.observer },
  )
  return id
}

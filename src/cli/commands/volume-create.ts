import { stat } from 'node:fs/promises'
import { HoldfastError } from '#src/core/error.ts'
import type { Holdfast } from '#src/holdfast.ts'
import type { CreateVolume, Snapshot, Volume, VolumeType } from '#src/volumes/volume-service.ts'
import type { CliContext } from '../context.ts'
import { defineCommand, dryRun, flag, integer, optionalArgument, SIZE_RANGE, text } from '../define.ts'
import { findSnapshot, findVolume, findVolumeType } from '../lookup.ts'
import { printPlan } from '../report.ts'
import { volumeFields } from '../rows.ts'
import { settledVolume } from '../settle.ts'
import { formatFields } from '../table.ts'
import { volumeJson } from '../views.ts'

const SOURCES = ['image', 'imageId', 'snapshot', 'source']
const others = (own: string): { conflicts: string[] } => ({ conflicts: SOURCES.filter(name => name !== own) })

export const command = defineCommand({
  description: 'Create a volume: empty, or from an image file, a snapshot or another volume.',
  examples: [
    { command: 'holdfast volume create --size 10 data-1', meaning: 'an empty volume of 10 GiB' },
    {
      command: 'holdfast volume create --size 20 --type luks2 --image disk.qcow2 root-1',
      meaning: 'an encrypted boot volume',
    },
    { command: 'holdfast volume create --snapshot nightly copy-1', meaning: "with the snapshot's size" },
  ],
  arguments: [optionalArgument('NAME', 'name of the volume')],
  options: {
    size: integer('--size <gib>', 'size in GiB; may be left out with --snapshot and --source', SIZE_RANGE),
    type: text('--type <type>', 'volume type'),
    image: text('--image <file>', 'raw or qcow2 image to write to it', others('image')),
    imageId: text('--image-id <id>', "image of the cloud's image service", others('imageId')),
    snapshot: text('--snapshot <id>', 'snapshot to copy', others('snapshot')),
    source: text('--source <volume>', 'volume to copy', others('source')),
    zone: text('--availability-zone <zone>', 'availability zone'),
    multiattach: flag('--multiattach', 'more than one instance may have it'),
    async: flag('--async', "do not wait until a cloud's volume service has made it"),
    dryRun,
  },
  async run(context, options, name) {
    const holdfast = await context.openVolumes(options.dryRun ? 'read' : 'write')
    const { signal } = context
    const snapshot = options.snapshot === undefined ? undefined : await findSnapshot(holdfast, options.snapshot, signal)
    const source = options.source === undefined ? undefined : await findVolume(holdfast, options.source, signal)
    const type = options.type === undefined ? undefined : await findVolumeType(holdfast, options.type, signal)
    const request: CreateVolume = {
      name,
      size: options.size,
      volumeType: type?.name,
      availabilityZone: options.zone,
      multiattach: options.multiattach,
      snapshotId: snapshot?.id,
      sourceVolumeId: source?.id,
      imageFile: options.image === undefined ? undefined : context.path(options.image),
      ...(options.imageId !== undefined && { imageId: options.imageId }),
    }
    if (options.dryRun) return showPlan(context, holdfast, request, { snapshot, source, type })
    const work = async () => {
      const accepted = await holdfast.volumes.create(request, signal)
      return await settledVolume(holdfast, accepted, { what: 'make it', wait: options.async !== true, signal })
    }
    const volume = await context.progress.during(title(request), work())
    context.result(volumeJson(volume), () => formatFields(volumeFields(volume), context.paint))
  },
})

function title({ name, imageFile, imageId, snapshotId, sourceVolumeId }: CreateVolume): string {
  const from = imageFile ?? imageId ?? snapshotId ?? sourceVolumeId
  return `create volume${name === undefined ? '' : ` ${name}`}${from === undefined ? '' : ` from ${from}`}`
}

interface Found {
  readonly snapshot: Snapshot | undefined
  readonly source: Volume | undefined
  readonly type: VolumeType | undefined
}

async function showPlan(context: CliContext, holdfast: Holdfast, request: CreateVolume, found: Found): Promise<void> {
  const { volumePlans } = await import('#src/index.ts')
  const limits = await holdfast.volumes.getAbsoluteLimits(context.signal)
  const { imageFile } = request
  const isFile = imageFile === undefined || (await stat(imageFile).catch(() => undefined))?.isFile() === true
  const checkImage = () => {
    if (!isFile) throw new HoldfastError('invalid-input', 'invalid-image', `there is no image file ${imageFile}`)
  }
  printPlan(context, volumePlans.planVolumeCreate({ request, limits, checkImage, ...found }))
}

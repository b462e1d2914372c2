import type { AbsoluteLimits } from '#src/volumes/volume-service.ts'
import { defineCommand } from '../define.ts'
import { type Column, formatTable } from '../table.ts'

export const command = defineCommand({
  description: 'Show the quotas of the volume service, and how much of each is used.',
  examples: [
    { command: 'holdfast limits', meaning: 'of the embedded volume service, or of the configured cloud' },
    { command: 'holdfast limits --cloud prod', meaning: "of the cloud's project" },
  ],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    const limits = await holdfast.volumes.getAbsoluteLimits(context.signal)
    context.result(limits, () => formatTable(rows(limits), COLUMNS, context.paint))
  },
})

interface Row {
  readonly what: string
  readonly used: number
  readonly limit: number
}

const rows = (limits: AbsoluteLimits): readonly Row[] => [
  { what: 'volumes', used: limits.totalVolumesUsed, limit: limits.maxTotalVolumes },
  { what: 'gigabytes', used: limits.totalGigabytesUsed, limit: limits.maxTotalVolumeGigabytes },
  { what: 'snapshots', used: limits.totalSnapshotsUsed, limit: limits.maxTotalSnapshots },
]

const COLUMNS: readonly Column<Row>[] = [
  { header: 'quota', value: ({ what }) => what },
  { header: 'used', value: ({ used }) => used, align: 'right' },
  { header: 'limit', value: ({ limit }) => (limit < 0 ? 'none' : limit), align: 'right' },
]

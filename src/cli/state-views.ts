import { basename } from 'node:path'
import { apiTime } from '#src/core/clock.ts'
import { formatBytes } from '#src/core/sizes.ts'
import type { RestoredFile, StateBackup, StateFile } from '#src/holdfast.ts'
import type { Column } from './table.ts'
import { safeText } from './terminal-text.ts'
import type { Json } from './views.ts'

/** What the `state` commands print, for eyes and as JSON. */

const problemText = (problem: StateFile['problem']): string => (problem === undefined ? '-' : safeText(problem.message))

export const FILE_COLUMNS: readonly Column<StateFile>[] = [
  { header: 'file', value: ({ path }) => path },
  {
    header: 'state',
    value: ({ there, problem }) => (problem ? 'damaged' : there ? 'whole' : 'not made yet'),
    status: true,
  },
  { header: 'problem', value: ({ problem }) => problemText(problem) },
]

export const BACKUP_COLUMNS: readonly Column<StateBackup>[] = [
  { header: 'backup', value: ({ path }) => basename(path) },
  { header: 'of', value: ({ noun }) => noun },
  { header: 'made at', value: ({ madeAt }) => `${new Date(madeAt).toISOString().slice(0, 19)}Z` },
  { header: 'size', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
  { header: 'state', value: ({ problem }) => (problem ? 'damaged' : 'whole'), status: true },
]

export const stateFileJson = ({ noun, path, there, problem }: StateFile): Json => ({
  path,
  noun,
  there,
  whole: there && problem === undefined,
  problem: problem ?? null,
})

export const stateBackupJson = ({ path, of, madeAt, bytes, problem }: StateBackup): Json => ({
  path,
  of,
  made_at: apiTime(madeAt),
  bytes,
  whole: problem === undefined,
  problem: problem ?? null,
})

export const restoredJson = ({ path, from, aside }: RestoredFile): Json => ({ path, from, moved_aside: aside ?? null })

export const restoreTitle = ({ path, from }: RestoredFile): string =>
  `put ${safeText(from)} in the place of ${safeText(path)}`

export const restoredText = (restored: readonly RestoredFile[]): string =>
  restored
    .map(({ path, from, aside }) => {
      const moved = aside === undefined ? '' : `; what was there is now ${aside}`
      return `${path} is the backup ${basename(from)} again${moved}\n`
    })
    .join('')

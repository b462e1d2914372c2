import { defineCommand } from '../define.ts'
import { BACKUP_COLUMNS, stateBackupJson } from '../state-views.ts'
import { formatTable } from '../table.ts'

export const command = defineCommand({
  description:
    'Show the backups that the state keeps of itself: one at the end of each command that changed something, the newest ' +
    'eight, and the last of each of seven days. What has ended long ago (the history) is not in them.',
  examples: [{ command: 'holdfast state backups', meaning: 'what there is to go back to' }],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    const backups = await context.progress.during('look through the backups', holdfast.state.backups())
    if (backups.length === 0) context.note('there are no backups yet; one is made when a command has changed something')
    context.result(backups.map(stateBackupJson), () =>
      backups.length === 0 ? '' : formatTable(backups, BACKUP_COLUMNS, context.paint),
    )
  },
})

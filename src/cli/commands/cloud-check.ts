import type { CloudStatus } from '#src/holdfast.ts'
import { defineCommand } from '../define.ts'
import { OTHER_EXIT_CODES } from '../exit-codes.ts'
import { ABILITY_COLUMNS } from '../rows.ts'
import { type FieldRow, formatFields, formatTable } from '../table.ts'
import type { Json } from '../views.ts'

export const command = defineCommand({
  description:
    'Log in to the cloud and try what Holdfast needs of it: endpoints, versions, service tokens, the key manager. Changes ' +
    `nothing there. Ends with ${OTHER_EXIT_CODES.differences} if something is missing.`,
  examples: [
    { command: 'holdfast cloud check --cloud prod', meaning: 'before the first volume of this cloud' },
    { command: 'holdfast cloud check --json', meaning: 'for a monitor' },
  ],
  arguments: [],
  options: {},
  async run(context) {
    const holdfast = await context.open('read')
    const status = await context.progress.during('look at the cloud', holdfast.cloud.check(context.signal))
    context.result(cloudJson(status), () => {
      const fields = formatFields(cloudFields(status), context.paint)
      return `${fields}\n${formatTable(status.features, ABILITY_COLUMNS, context.paint)}`
    })
    if (status.features.some(({ available }) => !available)) context.exitWith(OTHER_EXIT_CODES.differences)
  },
})

const cloudFields = (status: CloudStatus): readonly FieldRow[] => [
  ['cloud', status.name],
  ['auth_url', status.authUrl],
  ['user_id', status.userId],
  ['project_id', status.projectId],
  ['roles', status.roles.join(', ')],
  ['region', status.region],
  ['token_expires_at', status.tokenExpiresAt],
]

const cloudJson = (status: CloudStatus): Json => ({
  cloud: status.name,
  auth_url: status.authUrl,
  user_id: status.userId ?? null,
  project_id: status.projectId ?? null,
  roles: status.roles,
  region: status.region ?? null,
  token_expires_at: status.tokenExpiresAt ?? null,
  features: status.features.map(({ name, available, detail, hint }) => ({
    name,
    available,
    detail,
    hint: hint ?? null,
  })),
})

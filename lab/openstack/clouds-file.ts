import { access, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Lab } from './cloud.ts'

type Facts = Pick<Lab, 'authUrl' | 'region' | 'users'>

/** Path of the folder's clouds.yaml, which is written if it is not there. */
export async function ensureCloudsFile(dir: string, facts: Facts): Promise<string> {
  const path = join(dir, 'clouds.yaml')
  await access(path).catch(() => writeCloudsFile(dir, facts))
  return path
}

/** Writes clouds.yaml with one cloud per user, called `lab-` and the user's name. */
export async function writeCloudsFile(dir: string, facts: Facts): Promise<void> {
  const path = join(dir, 'clouds.yaml')
  await writeFile(`${path}.${process.pid}`, stringify({ clouds: cloudsOf(facts) }))
  await rename(`${path}.${process.pid}`, path)
}

const cloudsOf = ({ authUrl, region, users }: Facts): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(users).map(([username, { password, project }]) => {
      const names = { username, password, project_name: project }
      const domains = { user_domain_name: 'Default', project_domain_name: 'Default' }
      const auth = { auth_url: authUrl, ...names, ...domains }
      return [`lab-${username}`, { auth, region_name: region, identity_api_version: 3, volume_api_version: 3 }]
    }),
  )

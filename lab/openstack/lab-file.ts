import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { Lab, LabCeph } from './cloud.ts'
import { ensureCloudsFile } from './clouds-file.ts'

/** What `lab.json` holds. */
const LabFile = Compile(
  Type.Object({
    auth_url: Type.String(),
    region: Type.String(),
    endpoints: Type.Record(Type.String(), Type.String()),
    users: Type.Record(Type.String(), Type.Object({ password: Type.String(), project: Type.String() })),
    projects: Type.Record(Type.String(), Type.String()),
    volume_types: Type.Record(Type.String(), Type.String()),
  }),
)

/** The cloud whose folder this is, as its start wrote it down. */
export async function readLab(dir: string): Promise<Omit<Lab, 'stop'>> {
  const file = LabFile.Parse(JSON.parse(await readFile(join(dir, 'lab.json'), 'utf8')))
  const ceph = await cephOf(dir)
  const facts = { authUrl: file.auth_url, region: file.region, users: file.users }
  return {
    ...facts,
    dir,
    endpoints: file.endpoints,
    projects: file.projects,
    volumeTypes: file.volume_types,
    cloudsFile: await ensureCloudsFile(dir, facts),
    ...(ceph && { ceph }),
  }
}

async function cephOf(dir: string): Promise<LabCeph | undefined> {
  const configFile = join(dir, 'etc', 'ceph', 'ceph.conf')
  const keyring = join(dir, 'etc', 'ceph', 'ceph.client.cinder.keyring')
  if (!(await exists(configFile)) || !(await exists(keyring))) return undefined
  return { configFile, keyring, adminKeyring: join(dir, 'ceph', 'keyring') }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

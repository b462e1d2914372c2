import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Lab } from '#lab/openstack/cloud.ts'

/** What Cinder itself says, asked without any of Holdfast's code. */
export interface Behind {
  volume(id: string): Promise<CinderVolume | undefined>
  attachments(volumeId: string): Promise<readonly { readonly id: string; readonly status: string }[]>
}

export interface CinderVolume {
  readonly status: string
  readonly attachments: readonly { readonly server_id: string; readonly attachment_id: string }[]
}

export async function behind(lab: Lab, user: string): Promise<Behind> {
  const { password, project } = lab.users[user] ?? { password: '', project: '' }
  const domain = { name: 'Default' }
  const identity = { methods: ['password'], password: { user: { name: user, domain, password } } }
  const login = await fetch(`${lab.authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope: { project: { name: project, domain } } } }),
  })
  const token = login.headers.get('x-subject-token') ?? ''
  const { token: facts } = (await login.json()) as { token: { catalog: readonly CatalogEntry[] } }
  const cinder = facts.catalog.find(({ type }) => type === 'block-storage')?.endpoints[0]?.url ?? ''
  const get = async (path: string) =>
    await fetch(`${cinder}/${path}`, {
      headers: { 'x-auth-token': token, 'openstack-api-version': 'volume 3.44', accept: 'application/json' },
    })
  return {
    async volume(id) {
      const reply = await get(`volumes/${id}`)
      if (reply.status === 404) return undefined
      return ((await reply.json()) as { volume: CinderVolume }).volume
    },
    async attachments(volumeId) {
      const reply = await get(`attachments?volume_id=${volumeId}`)
      return ((await reply.json()) as { attachments: { id: string; status: string }[] }).attachments
    },
  }
}

interface CatalogEntry {
  readonly type: string
  readonly endpoints: readonly { readonly url: string }[]
}

const run = promisify(execFile)

/** Whether the image in Ceph, as it lies there, has this text in its first 8 MiB. */
export async function imageHas(lab: Lab, volumeId: string, text: string): Promise<boolean> {
  if (!lab.ceph) throw new Error('the lab has no Ceph')
  const { configFile, adminKeyring } = lab.ceph
  const image = `volumes/volume-${volumeId}`
  const args = ['--conf', configFile, '--keyring', adminKeyring, '--name', 'client.admin', 'export', image, '-']
  const { stdout } = await run('rbd', args, { encoding: 'buffer', maxBuffer: 2 ** 31 - 1 })
  return stdout.subarray(0, 2 ** 23).includes(text)
}

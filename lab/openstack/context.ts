import { access, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Daemons } from './daemons.ts'
import type { CloudSettings } from './settings.ts'

export const REGION = 'RegionOne'
/** Words of the lab, no secrets: everything listens on 127.0.0.1 only. */
export const PASSWORDS = { admin: 'admin-pw', project: 'demo-pw', service: 'service-pw', database: 'lab-db' }

/** Debian's own Python, whatever else is installed: OpenStack's packages belong to it. */
export const PYTHON = '/usr/bin/python3'
export const PYTHON_FOLDER = fileURLToPath(new URL('./python/', import.meta.url))

/** What each part of the cloud is started with. */
export interface Context {
  readonly settings: CloudSettings
  readonly daemons: Daemons
  say(text: string): void
}

/** Does it unless it was done for this cloud before. */
export async function once({ settings }: Context, what: string, work: () => Promise<void>): Promise<void> {
  const folder = join(settings.dir, 'done')
  const done = await access(join(folder, what)).then(
    () => true,
    () => false,
  )
  if (done) return
  await work()
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, what), '')
}

export const urlOf = (port: number): string => `http://127.0.0.1:${port}`

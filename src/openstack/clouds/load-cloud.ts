import { HoldfastError } from '#src/core/error.ts'
import type { Host } from '#src/host/host.ts'
import type { CloudCredentials } from '../keystone/credentials.ts'
import { readCloudsFile } from './clouds-file.ts'
import { type CloudEntry, credentialsOf } from './entry.ts'
import { ENVIRONMENT_CLOUD, type Environment, environmentEntry } from './environment.ts'
import { tlsOf } from './tls-files.ts'

export interface CloudSources {
  readonly host: Pick<Host, 'files'>
  readonly environment: Environment
  readonly workingDirectory: string
  readonly homeDirectory: string
  /** Undefined: `OS_CLOUD`, else the variables themselves, else the only one of the file. */
  readonly cloudName?: string | undefined
  /** Instead of the usual places. */
  readonly file?: string | undefined
}

export interface LoadedCloud {
  readonly name: string
  readonly credentials: CloudCredentials
  /** Worth telling: secrets in a file that others may read. */
  readonly warnings: readonly string[]
}

/**
 * Who we are at a cloud, by `clouds.yaml` (with `secure.yaml`) or by the `OS_*` variables.
 * @throws HoldfastError `cloud-not-found` listing those that there are; `cloud-invalid`, `clouds-file-invalid`
 */
export async function loadCloud(sources: CloudSources): Promise<LoadedCloud> {
  const name = sources.cloudName ?? (sources.environment.OS_CLOUD || undefined)
  const fromEnvironment = environmentEntry(sources.environment)
  if (name === ENVIRONMENT_CLOUD || (name === undefined && fromEnvironment)) {
    if (!fromEnvironment) throw notFound(ENVIRONMENT_CLOUD, 'OS_AUTH_URL is not set', [])
    return { name: ENVIRONMENT_CLOUD, credentials: await complete(sources, fromEnvironment), warnings: [] }
  }
  const { path, clouds, warnings } = await findFile(sources, name)
  const [only, ...others] = clouds.keys()
  const chosen = name ?? (others.length === 0 ? only : undefined)
  const entry = chosen === undefined ? undefined : clouds.get(chosen)
  if (chosen === undefined || !entry) throw notFound(name, `${path} has it not`, [...clouds.keys()])
  return { name: chosen, credentials: await complete(sources, entry), warnings }
}

/** The TLS material that an entry names is read here. */
const complete = async (sources: CloudSources, entry: CloudEntry): Promise<CloudCredentials> =>
  credentialsOf(entry, await tlsOf(sources.host, entry, sources))

async function findFile(sources: CloudSources, name: string | undefined) {
  const { host, environment, workingDirectory, homeDirectory } = sources
  const told = sources.file ?? (environment.OS_CLIENT_CONFIG_FILE || undefined)
  const config = environment.XDG_CONFIG_HOME || `${homeDirectory}/.config`
  const usual = [workingDirectory, `${config}/openstack`, '/etc/openstack'].map(folder => `${folder}/clouds.yaml`)
  const places = told === undefined ? usual : [told]
  for (const path of places) {
    const found = await readCloudsFile(host, path, environment.OS_CLIENT_SECURE_FILE || undefined)
    if (found) return found
  }
  throw notFound(name, `there is no ${places.join(', nor ')}`, [])
}

function notFound(name: string | undefined, why: string, known: readonly string[]): HoldfastError {
  const there = known.length === 0 ? '' : `; there are: ${known.toSorted().join(', ')}`
  const what = name === undefined ? 'it is not said which cloud is meant' : `there is no cloud '${name}'`
  return new HoldfastError('not-found', 'cloud-not-found', `${what}: ${why}${there}`, {
    details: { hint: 'name one by --cloud or OS_CLOUD; docs/how-to/with-your-openstack.md shows what the file has' },
  })
}

import { HoldfastError } from '#src/core/error.ts'
import type { Host } from '#src/host/host.ts'
import type { CloudEntry } from './entry.ts'

/** What a `clouds.yaml` and the `secure.yaml` beside it have. */
export interface CloudsFile {
  readonly path: string
  readonly clouds: ReadonlyMap<string, CloudEntry>
  readonly warnings: readonly string[]
}

type Tree = Readonly<Record<string, unknown>>

const MAX_BYTES = 2 ** 20

/**
 * Reads a `clouds.yaml`; undefined if there is none.
 * @throws HoldfastError `clouds-file-invalid` naming the file and what is wrong
 */
export async function readCloudsFile(host: Pick<Host, 'files'>, path: string): Promise<CloudsFile | undefined> {
  const main = await readTree(host, path)
  if (!main) return undefined
  const securePath = path.replace(/[^/]*$/, 'secure.yaml')
  const secure = await readTree(host, securePath)
  const entries = cloudsIn(path, main.tree)
  const secrets = secure ? cloudsIn(securePath, secure.tree) : new Map<string, Tree>()
  const clouds = [...entries].map(([name, entry]) => {
    return [name, entryOf(`cloud '${name}' of ${path}`, merge(entry, secrets.get(name) ?? {}))] as const
  })
  const hasSecrets = (tree: Tree) => /"(password|application_credential_secret|token)":/.test(JSON.stringify(tree))
  const open = [main, secure].filter(file => file && hasSecrets(file.tree) && (file.mode & 0o077) !== 0)
  const warnings = open.map(
    file => `${file?.path} has secrets and is open to others than its owner: chmod 600 ${file?.path}`,
  )
  return { path, clouds: new Map(clouds), warnings }
}

async function readTree(
  { files }: Pick<Host, 'files'>,
  path: string,
): Promise<{ path: string; tree: Tree; mode: number } | undefined> {
  const facts = await files.stat(path)
  if (facts?.kind !== 'file') return undefined
  if (facts.size > MAX_BYTES) throw invalid(path, `it is longer than ${MAX_BYTES} bytes`)
  const bytes = await files.read(path)
  if (!bytes) return undefined
  return { path, tree: await parse(path, bytes), mode: facts.mode }
}

/** As openstacksdk reads it: anchors and merge keys are in use in such files. */
async function parse(path: string, bytes: Uint8Array): Promise<Tree> {
  const { parse: parseYaml } = await import('yaml')
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const value: unknown =
      parseYaml(text, { schema: 'core', merge: true, maxAliasCount: 100, prettyErrors: true }) ?? {}
    if (isTree(value)) return value
  } catch (cause) {
    // The message of the parser shows lines, which may have secrets.
    const line = /line (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1]
    throw invalid(path, line === undefined ? 'it is not YAML' : `it is not YAML: line ${line}`)
  }
  throw invalid(path, 'it is not a mapping')
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

const invalid = (path: string, what: string) =>
  new HoldfastError('invalid-input', 'clouds-file-invalid', `${path}: ${what}`)

function cloudsIn(path: string, tree: Tree): ReadonlyMap<string, Tree> {
  const { clouds = {} } = tree
  if (!isTree(clouds)) throw invalid(path, 'clouds is not a mapping')
  return new Map(
    Object.entries(clouds).map(([name, entry]) => {
      if (isTree(entry)) return [name, entry]
      throw invalid(path, `cloud '${name}' is not a mapping`)
    }),
  )
}

/** What the secure file has wins; `auth` is merged key by key. */
function merge(entry: Tree, secure: Tree): Tree {
  const [ours, theirs] = [entry.auth, secure.auth]
  return { ...entry, ...secure, auth: { ...(isTree(ours) ? ours : {}), ...(isTree(theirs) ? theirs : {}) } }
}

function entryOf(where: string, { auth, profile, verify, ...rest }: Tree): CloudEntry {
  if (profile !== undefined) {
    throw new HoldfastError('unsupported', 'cloud-invalid', `${where}: vendor profiles are not supported`, {
      details: { hint: `write what profile '${String(profile)}' stands for into the entry` },
    })
  }
  const settings = words(rest)
  // `verify: false` is what `OS_INSECURE=true` is.
  return {
    where,
    auth: words(isTree(auth) ? auth : {}),
    settings: verify === false ? { ...settings, insecure: 'true' } : settings,
  }
}

/** Keys with `-` and `_` are the same; what is no word or number is left out. */
const words = (tree: Tree): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tree).flatMap(([key, value]) =>
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
        ? [[key.replaceAll('-', '_'), String(value)]]
        : [],
    ),
  )

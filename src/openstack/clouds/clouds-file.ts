import { type ErrorDetails, HoldfastError } from '#src/core/error.ts'
import type { Host } from '#src/host/host.ts'
import type { CloudEntry } from './cloud-entry.ts'

/** What a `clouds.yaml` and the `secure.yaml` beside it have. */
export interface CloudsFile {
  readonly path: string
  readonly clouds: ReadonlyMap<string, CloudEntry>
  readonly warnings: readonly string[]
}

type Tree = Readonly<Record<string, unknown>>

const MAX_BYTES = 2 ** 20

/**
 * Reads a `clouds.yaml`; undefined if there is none. `securePath`: the `secure.yaml` beside it, unless told.
 * @throws HoldfastError `clouds-file-invalid` naming the file and what is wrong
 */
export async function readCloudsFile(
  host: Pick<Host, 'files'>,
  path: string,
  securePath: string = path.replace(/[^/]*$/, 'secure.yaml'),
): Promise<CloudsFile | undefined> {
  const main = await readTree(host, path)
  if (!main) return undefined
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

/**
 * As openstacksdk reads it: anchors and merge keys are in use in such files. A number or a truth value stays as it is written: a
 * password `0123` is no 123.
 */
async function parse(path: string, bytes: Uint8Array): Promise<Tree> {
  const { isScalar, parseDocument, visit } = await import('yaml')
  const text = decode(path, bytes)
  const document = parseDocument(text, { schema: 'core', merge: true, prettyErrors: true })
  const [problem] = document.errors
  // The message of the parser shows lines, which may have secrets.
  if (problem) throw invalid(path, `it is not YAML: line ${problem.linePos?.[0].line ?? '?'}`)
  visit(document, (_, node) => {
    if (isScalar(node) && /^(number|boolean|bigint)$/.test(typeof node.value)) node.value = node.source ?? node.value
  })
  const value = plainData(path, () => document.toJS({ maxAliasCount: 100 }) ?? {})
  if (isTree(value)) return value
  throw invalid(path, 'it is not a mapping')
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw invalid(path, 'it is not UTF-8 text')
  }
}

function plainData(path: string, make: () => unknown): unknown {
  try {
    return make()
  } catch {
    throw invalid(path, 'it is not YAML: an alias (*name) that leads nowhere, or too many of them')
  }
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
  const both = [entry.auth ?? {}, secure.auth ?? {}]
  const auth = both.find(each => !isTree(each)) ?? Object.assign({}, ...both)
  return { ...entry, ...secure, auth }
}

function entryOf(where: string, { auth = {}, profile, cloud, verify, regions, ...rest }: Tree): CloudEntry {
  const vendor = profile ?? cloud
  if (vendor !== undefined) {
    throw refused('unsupported', where, 'vendor profiles are not supported', {
      hint: `write what profile '${String(vendor)}' stands for into the entry`,
    })
  }
  if (!isTree(auth)) throw refused('invalid-input', where, 'auth is not a mapping')
  const region = Array.isArray(regions) && regions.length === 1 ? regionName(regions[0]) : undefined
  const settings = words(where, { region_name: region, ...rest }, key => SETTINGS.test(key))
  // `verify: false` is what `OS_INSECURE=true` is.
  const isUnverified = /^(false|no|off|0)$/i.test(String(verify ?? ''))
  return {
    where,
    auth: words(`${where}: auth`, auth, () => true),
    settings: isUnverified ? { ...settings, insecure: 'true' } : settings,
  }
}

const regionName = (region: unknown): unknown => (isTree(region) ? region.name : region)

/** What is read of an entry beside `auth`. */
const SETTINGS =
  /^(auth_type|region_name|interface|endpoint_type|identity_api_version|cacert|cert|key|insecure|.*_endpoint(_override)?|.*_service_name)$/

const refused = (kind: 'unsupported' | 'invalid-input', where: string, what: string, details: ErrorDetails = {}) =>
  new HoldfastError(kind, 'cloud-invalid', `${where}: ${what}`, { details })

/** Keys with `-` and `_` are the same; what is empty is not there; what nobody reads may be anything. */
function words(where: string, tree: Tree, isRead: (key: string) => boolean): Record<string, string> {
  const found = Object.entries(tree).flatMap(([name, value]): [string, string][] => {
    const key = name.replaceAll('-', '_')
    if (value === undefined || value === null || value === '') return []
    if (typeof value === 'string') return [[key, value]]
    if (isRead(key)) throw refused('invalid-input', where, `${key} is a list or a mapping, and must be one word`)
    return []
  })
  return Object.fromEntries(found)
}

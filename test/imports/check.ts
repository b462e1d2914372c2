import { posix } from 'node:path'
import { hasComputedImport, type Import, importsOf } from './parse.ts'
import { isTestFile, placeOf, refusal } from './rules.ts'

/** Tests may be longer: a table of cases is no god object. */
const MAX_LINES = { source: 400, test: 700 }
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/

export interface Sources {
  /** Path from the repository's root, with `/`, to text. */
  readonly files: ReadonlyMap<string, string>
  /** Names of packages that may be imported. */
  readonly packages: readonly string[]
  /** Those that only tests may import. */
  readonly testPackages: readonly string[]
}

/** Every breach of the house rules on files and imports, in words; empty if all is well. */
export function checkSources({ files, packages, testPackages }: Sources): readonly string[] {
  const graph = new Map<string, Set<string>>()
  const breaches: string[] = []
  for (const [path, text] of files) {
    breaches.push(...checkShape(path, text))
    const targets = new Set<string>()
    const allowed = isTestFile(path) ? [...packages, ...testPackages] : packages
    for (const found of importsOf(text)) {
      const target = resolve(path, found.specifier)
      const breach = target === undefined ? checkPackage(found, allowed) : checkImport(path, target, found, files)
      if (breach) breaches.push(`${path}: ${found.specifier}: ${breach}`)
      if (target !== undefined && files.has(target)) targets.add(target)
    }
    graph.set(path, targets)
  }
  return [...breaches, ...cyclesOf(graph).map(cycle => `cycle: ${cycle.join(' → ')}`)]
}

function checkShape(path: string, text: string): readonly string[] {
  const breaches: string[] = []
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  const most = isTestFile(path) ? MAX_LINES.test : MAX_LINES.source
  if (lines > most) breaches.push(`${path}: ${lines} lines, more than ${most}`)
  const names = path.replace(/(\.test)?\.ts$/, '').split('/')
  for (const name of names) if (!KEBAB.test(name)) breaches.push(`${path}: '${name}' is not kebab-case`)
  if (!isTestFile(path) && hasComputedImport(text))
    breaches.push(`${path}: an import whose target is worked out at run time`)
  return breaches
}

function checkPackage({ specifier }: Import, packages: readonly string[]): string | undefined {
  if (specifier.startsWith('node:')) return undefined
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  return packages.includes(name) ? undefined : `package '${name}' is not a dependency`
}

function checkImport(path: string, target: string, found: Import, files: Sources['files']): string | undefined {
  const [from, to] = [placeOf(path), placeOf(target)]
  if (target.endsWith('.ts') && !files.has(target) && to.room !== undefined) return 'there is no such file'
  const relative = found.specifier.startsWith('.')
  const inside = from.room === to.room || from.room === ''
  if (relative && !inside && to.room !== undefined) return `across folders it is written #${target}`
  if (!relative && from.room === to.room && from.part === to.part) return 'within a folder it is written relatively'
  return refusal(from, to, found.typeOnly)
}

/** The path that is meant; undefined for a package. */
function resolve(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1)
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined
}

/** Each knot of files that reach each other, as one way around it. */
export function cyclesOf(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly (readonly string[])[] {
  const done = new Set<string>()
  const trail: string[] = []
  const cycles: string[][] = []
  const visit = (path: string) => {
    const at = trail.indexOf(path)
    if (at >= 0) cycles.push([...trail.slice(at), path])
    if (at >= 0 || done.has(path)) return
    trail.push(path)
    for (const next of graph.get(path) ?? []) visit(next)
    trail.pop()
    done.add(path)
  }
  for (const path of graph.keys()) visit(path)
  return cycles
}

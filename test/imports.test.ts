import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { checkSources } from './imports/check.ts'

const ROOT = join(import.meta.dirname, '..')

describe('the sources', () => {
  it('import one way only, without cycles, in files of kebab-case names and at most 400 lines', () => {
    const files = new Map(['src', 'bin'].flatMap(readAll))
    assert.ok(files.size > 50, `only ${files.size} files were read`)
    assert.deepEqual(checkSources({ files, ...dependencies() }), [])
  })
})

describe('checkSources', () => {
  const refuses = (title: string, files: Record<string, string>, breach: RegExp) =>
    it(`refuses ${title}`, () => assert.match(check(files).join('\n'), breach))
  const allows = (title: string, files: Record<string, string>) =>
    it(`allows ${title}`, () => assert.deepEqual(check(files), []))

  const STORE = { 'src/store/store.ts': '', 'src/store/sqlite/open.ts': '' }
  const LOWEST = {
    'src/core/error.ts': '',
    'src/host/host.ts': '',
    'src/host/run.ts': '',
    'src/journal/operation.ts': '',
  }
  const FACE = { 'src/index.ts': '', 'src/holdfast.ts': '', 'src/engine/api.ts': '', 'src/engine/plan.ts': '' }

  allows('the directions of the design', {
    ...STORE,
    ...LOWEST,
    ...FACE,
    'src/store/sqlite/open.ts': "import type { Store } from '../store.ts'\nimport { DatabaseSync } from 'node:sqlite'",
    'src/store/store.ts': "import type { OperationRecord } from '#src/journal/operation.ts'",
    'src/engine/parts.ts':
      "import type { Store } from '#src/store/store.ts'\nimport type { Host } from '#src/host/host.ts'",
    'src/sim/store.ts': "import type { Store } from '#src/store/store.ts'",
    'src/index.ts': "export { open } from './composition/open.ts'",
    'src/composition/open.ts': "import { openSqliteStore } from '#src/store/sqlite/open.ts'",
    'src/cli/view.ts': "import type { StepProgress } from '#src/engine/api.ts'\nimport { open } from '#src/index.ts'",
    'src/store/sqlite/open.test.ts': "import { storeConformance } from '../conformance.ts'\nimport '#src/sim/store.ts'",
    'src/store/conformance.ts': "import { plan } from '#src/engine/plan.ts'",
    'bin/holdfast.ts': "import { main } from '#src/cli/view.ts'",
  })

  refuses(
    'an import upwards',
    { ...LOWEST, 'src/core/error.ts': "import { run } from '#src/host/run.ts'" },
    /core may not import from host/,
  )
  refuses(
    'one that is only a type',
    { ...LOWEST, ...STORE, 'src/core/a.ts': "import type { Store } from '#src/store/store.ts'" },
    /core may not/,
  )
  refuses(
    'one inside a type',
    { ...STORE, 'src/core/a.ts': "export type A = import('#src/store/store.ts').Store" },
    /core may not/,
  )
  refuses(
    'a dynamic one',
    { ...STORE, 'src/core/a.ts': "const a = await import('#src/store/store.ts')" },
    /core may not/,
  )
  refuses(
    'a re-export',
    { ...STORE, 'src/core/a.ts': "export {\n  type Store,\n} from '#src/store/store.ts'" },
    /core may not/,
  )
  refuses('one for its effects', { ...STORE, 'src/core/a.ts': "import '#src/store/store.ts'" }, /core may not/)
  refuses('a target worked out at run time', { 'src/core/a.ts': 'await import(name)' }, /worked out at run time/)
  refuses(
    'ports that know each other',
    { ...STORE, 'src/keys/a.ts': "import type { Store } from '#src/store/store.ts'" },
    /keys may not import from store/,
  )
  refuses(
    'a port that knows its implementation',
    { 'src/store/store.ts': "import './sqlite/open.ts'", 'src/store/sqlite/open.ts': '' },
    /does not know its implementations/,
  )
  refuses(
    'implementations that know each other',
    { ...STORE, 'src/store/memory/a.ts': "import '../sqlite/open.ts'" },
    /do not know each other/,
  )
  refuses(
    'libvirt above core',
    { ...LOWEST, 'src/libvirt/a.ts': "import { run } from '#src/host/run.ts'" },
    /libvirt may not import from host/,
  )
  refuses(
    'an implementation in the engine',
    { ...STORE, 'src/engine/a.ts': "import { open } from '#src/store/sqlite/open.ts'" },
    /engine knows ports, not implementations/,
  )
  refuses(
    'an implementation in the twins',
    { ...STORE, 'src/sim/a.ts': "import { open } from '#src/store/sqlite/open.ts'" },
    /sim knows ports, not implementations/,
  )
  refuses(
    'more of the host than its port in the engine',
    { ...LOWEST, 'src/engine/a.ts': "import { run } from '#src/host/run.ts'" },
    /engine may not import from host/,
  )
  refuses(
    'the engine in the command line',
    { ...FACE, 'src/cli/a.ts': "import { plan } from '#src/engine/plan.ts'" },
    /cli calls the library's face only/,
  )
  refuses(
    'values of the face in the command line',
    { ...FACE, 'src/cli/a.ts': "import { x } from '#src/engine/api.ts'" },
    /cli takes types only/,
  )
  refuses(
    'the command line in the library',
    { 'src/index.ts': "import '#src/cli/a.ts'", 'src/cli/a.ts': '' },
    /does not know its command line/,
  )
  refuses(
    'a program that goes past the command line',
    { ...STORE, 'bin/a.ts': "import '#src/store/store.ts'" },
    /a program imports only/,
  )
  refuses(
    'a test file in the product',
    { 'src/store/conformance.ts': '', 'src/store/a.ts': "import './conformance.ts'" },
    /only tests may import a test file/,
  )
  refuses(
    'anything outside src',
    { 'src/core/a.ts': "import '#lab/uml/harness.ts'" },
    /nothing in src may import from outside/,
  )
  refuses(
    'a room that nobody placed',
    { ...LOWEST, 'src/extra/a.ts': "import '#src/core/error.ts'" },
    /'extra' has no place/,
  )
  refuses(
    'a relative path across folders',
    { ...LOWEST, 'src/store/a.ts': "import '../core/error.ts'" },
    /written #src\/core\/error.ts/,
  )
  refuses(
    'an absolute path within one',
    { ...STORE, 'src/store/a.ts': "import '#src/store/store.ts'" },
    /written relatively/,
  )
  refuses('a file that is not there', { 'src/core/a.ts': "import './b.ts'" }, /there is no such file/)
  refuses(
    'a package that is no dependency',
    { 'src/core/a.ts': "import { x } from 'left-pad'" },
    /'left-pad' is not a dependency/,
  )
  refuses(
    'a package of the tests in the product',
    { 'src/core/a.ts': "import { x } from 'fast-check'" },
    /'fast-check' is not a dependency/,
  )
  refuses(
    'a cycle of types',
    {
      'src/core/a.ts': "import type { B } from './b.ts'",
      'src/core/b.ts': "import type { C } from './c.ts'",
      'src/core/c.ts': "import type { B } from './b.ts'",
    },
    /cycle: src\/core\/b.ts → src\/core\/c.ts → src\/core\/b.ts/,
  )
  refuses('a long file', { 'src/core/a.ts': '\n'.repeat(401) }, /401 lines/)
  refuses('a name in camelCase', { 'src/core/someThing.ts': '' }, /not kebab-case/)
  allows('it in a test', { 'src/core/a.test.ts': "import { x } from 'fast-check'" })
  allows('a port to be named either way by its implementation', {
    ...STORE,
    'src/store/sqlite/open.ts': "import type { Store } from '#src/store/store.ts'",
  })
  allows('prose about imports', {
    'src/core/a.ts': "// import(name)\n/** import x from 'left-pad' */\nconst from = 'x'\n",
  })
  allows('a file of 400 lines', { 'src/core/a.ts': '\n'.repeat(400) })
})

const check = (files: Record<string, string>) =>
  checkSources({ files: new Map(Object.entries(files)), packages: ['typebox'], testPackages: ['fast-check'] })

function readAll(folder: string): [string, string][] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts'),
  )
  return names.map(name => [`${folder}/${name}`, readFileSync(join(ROOT, folder, name), 'utf8')])
}

function dependencies() {
  const { dependencies: kept, devDependencies: tools } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  return { packages: Object.keys(kept), testPackages: Object.keys(tools) }
}

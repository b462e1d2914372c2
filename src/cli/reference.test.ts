import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import type { ErrorKind } from '#src/core/error.ts'
import type { CommandDefinition } from './define.ts'
import { EXIT_CODES, KIND_MEANINGS, OTHER_EXIT_CODES } from './exit-codes.ts'
import { wholeProgram } from './program.ts'
import { referencePages } from './reference.ts'
import { TREE, type TreeNode } from './tree.ts'

const page = (name: string) => readFile(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8')

describe('docs/reference', () => {
  for (const name of ['cli.md', 'exit-codes.md', 'configuration.md']) {
    it(`${name} is what the program says (write it by: node src/cli/write-reference.ts)`, async () => {
      assert.equal(await page(name), (await referencePages()).get(name))
    })
  }

  it('lists exactly the exit codes of the table', async () => {
    const rows = [...(await page('exit-codes.md')).matchAll(/^\| (\d+) +\| (?:`([a-z-]+)`)? *\| /gm)]
    const listed = rows.map(([, code, kind]) => [kind ?? '', Number(code)])
    const table = [...Object.entries(EXIT_CODES), ...Object.values(OTHER_EXIT_CODES).map(code => ['', code])]
    assert.deepEqual(listed.sort(), table.sort())
  })
})

describe('exit codes', () => {
  it('are distinct, small, and never those of a shell', () => {
    const codes = [
      ...Object.values(EXIT_CODES),
      OTHER_EXIT_CODES.planRefused,
      OTHER_EXIT_CODES.notBack,
      OTHER_EXIT_CODES.differences,
    ]
    assert.equal(new Set(codes).size, codes.length)
    for (const code of codes) assert.ok(code >= 1 && code < 126, String(code))
  })

  it('have a meaning for each kind', () => {
    for (const kind of Object.keys(EXIT_CODES)) assert.match(KIND_MEANINGS[kind as ErrorKind], /\.$/)
  })
})

describe('command tree', () => {
  const commands = async (): Promise<readonly (readonly [string, CommandDefinition])[]> => {
    const walk = async (nodes: readonly TreeNode[], path: string): Promise<[string, CommandDefinition][]> => {
      const inner = await Promise.all(
        nodes.map(async node => {
          const name = `${path} ${node.name}`.trim()
          return 'load' in node
            ? [[name, (await node.load()).command] as [string, CommandDefinition]]
            : walk(node.children, name)
        }),
      )
      return inner.flat()
    }
    return walk(TREE, '')
  }

  it('has these nouns and verbs', async () => {
    assert.deepEqual(
      (await commands()).map(([name]) => name),
      [
        ...['create', 'list', 'show', 'delete', 'extend'].map(verb => `volume ${verb}`),
        ...['create', 'list', 'delete'].map(verb => `volume type ${verb}`),
        ...['create', 'list', 'show', 'delete'].map(verb => `snapshot ${verb}`),
        ...['list', 'show', 'delete'].map(verb => `attachment ${verb}`),
        'limits',
        ...['create', 'list', 'show', 'set', 'start', 'stop', 'reboot', 'attach', 'detach', 'console', 'delete'].map(
          verb => `instance ${verb}`,
        ),
        ...['list', 'show', 'resume'].map(verb => `operation ${verb}`),
        'cloud check',
        ...['status', 'resume', 'check', 'drill'].map(verb => `host ${verb}`),
        ...['check', 'backups', 'restore'].map(verb => `state ${verb}`),
      ],
    )
  })

  it('has --dry-run on every verb that changes something, and on no other', async () => {
    const reading = /(list|show|status|console|drill|limits|cloud check|state check|state backups)$/
    for (const [name, { options }] of await commands()) assert.equal('dryRun' in options, !reading.test(name), name)
  })

  it('has an example for every command, and every example can be parsed', async () => {
    const { parseCommandLine } = await import('./program.ts')
    for (const [name, { examples }] of await commands()) {
      assert.ok(examples.length > 0, name)
      for (const { command } of examples) {
        const words = command.replace(/ \|.*$/, '').split(' ')
        assert.equal(words.shift(), 'holdfast')
        const parsed = await parseCommandLine(words)
        assert.equal(parsed.kind === 'run' ? parsed.name : parsed, name, command)
      }
    }
  })

  it('never gives a command an option that a global one would take', async () => {
    const { program, definitions } = await wholeProgram()
    const global = new Set(program.options.flatMap(({ short, long }) => [short, long]))
    for (const command of definitions.keys()) {
      for (const { short, long } of command.options) {
        assert.ok(!global.has(long), `${command.name()} ${long}`)
        assert.ok(short === undefined || !global.has(short), `${command.name()} ${short}`)
      }
    }
  })
})

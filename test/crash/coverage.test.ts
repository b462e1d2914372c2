import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CATALOGUE } from './catalogue.ts'
import { COMMANDS, METHODS } from './coverage.ts'

const SRC = fileURLToPath(new URL('../../src/', import.meta.url))

const sourceOf = (path: string): string => readFileSync(SRC + path, 'utf8')

/** Words of a union type, as the source has them. */
function unionOf(path: string, name: string): readonly string[] {
  const [, body = ''] = new RegExp(`export type ${name} =([^;]*?)\\n\\n`).exec(sourceOf(path)) ?? []
  return [...body.matchAll(/'([a-z-]+)'/g)].map(([, word = '']) => word)
}

/** Methods of an interface, as the source has them. */
function methodsOf(path: string, name: string): readonly string[] {
  const [, body = ''] = new RegExp(`export interface ${name} \\{\\n(.*?)\\n\\}`, 's').exec(sourceOf(path)) ?? []
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:<]/gm)].map(([, word = '']) => word)
}

const explored = new Set(CATALOGUE.map(({ call }) => call))

describe('the exploration covers', () => {
  it('every kind of operation', () => {
    const kinds = unionOf('journal/operation.ts', 'OperationKind')
    assert.ok(kinds.includes('attach'))
    const known = new Set(CATALOGUE.map(({ kind }) => kind))
    assert.deepEqual(
      kinds.filter(kind => !known.has(kind as never)),
      [],
    )
  })

  for (const [part, path, name] of [
    ['instances', 'engine/api.ts', 'Instances'],
    ['operations', 'engine/api.ts', 'Operations'],
    ['host', 'engine/host-api.ts', 'HostOperations'],
  ] as const) {
    it(`every method of ${name}`, () => {
      const methods = methodsOf(path, name).map(method => `${part}.${method}`)
      assert.ok(methods.length > 2)
      assert.deepEqual(
        methods.filter(method => !METHODS.has(method)),
        [],
        'no word in coverage.ts on these',
      )
      const wanted = methods.filter(method => METHODS.get(method) === 'explored')
      assert.deepEqual(
        wanted.filter(method => !explored.has(method)),
        [],
        'not in the catalogue',
      )
    })
  }

  it('every command that changes something', () => {
    const commands = readdirSync(`${SRC}cli/commands`).map(file => file.replace(/\.ts$/, ''))
    assert.ok(commands.length > 20)
    assert.deepEqual(
      commands.filter(command => !Object.hasOwn(COMMANDS, command)),
      [],
      'no word in coverage.ts on these',
    )
    const calls = commands.flatMap(command => {
      const word = COMMANDS[command]
      return typeof word === 'object' && 'calls' in word ? word.calls : []
    })
    assert.deepEqual(
      calls.filter(call => !METHODS.has(call)),
      [],
    )
  })

  it('nothing that is not there', () => {
    assert.deepEqual(
      [...explored].filter(call => METHODS.get(call) !== 'explored'),
      [],
    )
  })
})

import { after, before, describe, it } from 'node:test'
import { Bench } from './bench.ts'

const UUID = '00000000-0000-4000-8000-000000000000'

/** Every verb that takes the noun, with what else it needs. */
const VERBS = {
  volume: [
    ['volume', 'show'],
    ['volume', 'delete'],
    ['volume', 'extend', { more: ['2'] }],
    ['volume', 'create', { flag: '--source' }],
    ['snapshot', 'create'],
  ],
  snapshot: [
    ['snapshot', 'show'],
    ['snapshot', 'delete'],
    ['volume', 'create', { flag: '--snapshot' }],
  ],
  instance: [
    ['instance', 'show'],
    ['instance', 'start'],
    ['instance', 'stop'],
    ['instance', 'reboot'],
    ['instance', 'delete'],
    ['instance', 'console'],
    ['instance', 'attach', { more: ['data'] }],
    ['instance', 'detach', { more: ['data'] }],
  ],
  operation: [
    ['operation', 'show'],
    ['operation', 'resume'],
  ],
} as const

type Verb = readonly [string, string, { readonly more?: readonly string[]; readonly flag?: string }?]

const line = ([noun, verb, { more = [], flag } = {}]: Verb, name: string): string[] =>
  flag === undefined ? [noun, verb, name, ...more] : [noun, verb, flag, name]

const WRONG_NAMES = {
  'a space': 'a b',
  'a slash': 'a/b',
  'a path upwards': '../../etc/passwd',
  'a newline': 'a\nb',
  'an escape sequence': 'a\u001b[31mred',
  '300 characters': 'x'.repeat(300),
  XML: "</name><disk type='file'/>",
  'an entity': 'a&amp;b',
  'shell words': '$(touch /tmp/hf-pwned);`id`|x',
  SQL: "a'; DROP TABLE volumes; --",
  'what is no ASCII': 'dätä',
  nothing: '',
} as const

describe('names and ids that mean nothing', () => {
  let bench: Bench
  before(async () => {
    bench = await Bench.open()
    await bench.make('volume', 'create', '--size', '1', 'data')
    for (const _ of [1, 2]) await bench.make('volume', 'create', '--size', '1', 'twin')
    const twin = await bench.ok<{ id: string }[]>('volume', 'list')
    for (const { id } of twin.slice(0, 2)) await bench.make('snapshot', 'create', id, '--name', 'nightly')
  })
  after(async () => await bench[Symbol.asyncDispose]())

  for (const [noun, verbs] of Object.entries(VERBS)) {
    it(`${noun}: each verb says that there is none`, async () => {
      for (const verb of verbs) {
        const refusal = { code: `${noun}-not-found`, exit: 3 }
        await bench.refuses(line(verb, 'nope'), { ...refusal, says: ['"nope"'], hint: /holdfast \w+ list/ })
        await bench.refuses(line(verb, UUID), { ...refusal, says: [UUID] })
      }
    })
  }

  it('volume type: each verb says that there is none', async () => {
    const refusal = { code: 'volume-type-not-found', exit: 3, says: ['"nope"'], hint: /holdfast volume type list/ }
    await bench.refuses(['volume', 'create', '--size', '1', '--type', 'nope', 'x'], refusal)
    await bench.refuses(['volume', 'type', 'delete', 'nope'], refusal)
  })

  it('names that could mean two are not guessed at', async () => {
    const ambiguous = { code: 'ambiguous-name', exit: 4, hint: /give the id/ }
    const volumes = { ...ambiguous, says: [/could mean 2 volumes: [0-9a-f-]{36} \(twin\), [0-9a-f-]{36} \(twin\)/] }
    for (const verb of VERBS.volume) await bench.refuses(line(verb, 'twin'), volumes)
    await bench.refuses(['volume', 'show', 'tw'], volumes)
    const snapshots = { ...ambiguous, says: [/could mean 2 snapshots/] }
    for (const verb of VERBS.snapshot) await bench.refuses(line(verb, 'nightly'), snapshots)
  })

  it('what cannot be taken back takes no abbreviation', async () => {
    await bench.refuses(['volume', 'delete', 'dat'], {
      code: 'volume-not-found',
      exit: 3,
      says: ['"dat"'],
      hint: /did you mean [0-9a-f-]{36} \(data\)\?.*no abbreviated name/,
    })
  })

  for (const [what, name] of Object.entries(WRONG_NAMES)) {
    it(`a name with ${what} is refused for everything that has a name`, async () => {
      const refusal = { code: 'invalid-name', exit: 2, says: [/is not a valid name$/], hint: /1 to 63 letters, digits/ }
      await bench.refuses(['volume', 'create', '--size', '1', name], refusal)
      await bench.refuses(['volume', 'create', '--size', '1', '--availability-zone', name], refusal)
      await bench.refuses(['volume', 'type', 'create', name], refusal)
      await bench.refuses(['snapshot', 'create', 'data', '--name', name], refusal)
      const kernel = ['--memory', '128', '--cpus', '1', '--kernel', '/boot/vmlinuz']
      await bench.refuses(['instance', 'create', name, ...kernel], refusal)
      if (name === '') return
      await bench.refuses(['volume', 'show', name], { code: 'volume-not-found', exit: 3, says: ['there is no volume'] })
    })
  }
})

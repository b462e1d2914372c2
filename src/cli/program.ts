import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { GlobalOptions } from './context.ts'
import { type ArgumentSpec, type CommandDefinition, NotAllowed, type OptionSpec } from './define.ts'
import { type CommandNode, type GroupNode, TREE, type TreeNode } from './tree.ts'

export type Parsed =
  | {
      readonly kind: 'run'
      /** `volume create` */
      readonly name: string
      readonly definition: CommandDefinition
      readonly options: Readonly<Record<string, unknown>>
      readonly args: readonly unknown[]
      readonly global: GlobalOptions
    }
  /** Help was printed to stdout. */
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | { readonly kind: 'usage-error'; readonly message: string; readonly hint: string }

const GLOBAL_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
  ['--state <dir>', 'state directory'],
  ['--config <file>', 'configuration file'],
  ['--cloud <name>', 'cloud whose volumes are meant; `local`: the embedded volume service'],
  ['--json', 'print JSON, with the field names of the OpenStack APIs'],
  ['--no-color', 'no colours'],
  ['-q, --quiet', 'no progress and no notes'],
]

const VERSION = 'commander.version'

/** Turns the command line into a command and its values, loading the file of that command alone. */
export async function parseCommandLine(argv: readonly string[], columns?: number): Promise<Parsed> {
  const output = { out: '', error: '' }
  const parser = new Parser(output, columns)
  try {
    await parser.program.parseAsync(withHelpAtEnd(argv), { from: 'user' })
    return parser.parsed ?? { kind: 'help', text: output.out }
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === VERSION) return { kind: 'version' }
    if (error.exitCode === 0) return { kind: 'help', text: output.out }
    return usageError(error, output.error, parser.path)
  }
}

/** `holdfast help volume create` is `holdfast volume create --help`. */
const withHelpAtEnd = (argv: readonly string[]): readonly string[] =>
  argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv

function usageError(error: CommanderError, written: string, path: readonly string[]): Parsed {
  const help = ['holdfast', ...path, '--help'].join(' ')
  if (error.code === 'commander.help') {
    const what = path.length === 0 ? 'a command is missing' : `${path.join(' ')}: a verb is missing`
    return { kind: 'usage-error', message: what, hint: help }
  }
  const [message = '', ...more] = written
    .replace(/^error: /, '')
    .trim()
    .split('\n')
  const meant = more.join(' ').replace(/^\((.*)\)$/, '$1')
  return { kind: 'usage-error', message, hint: meant === '' ? help : `${meant.toLowerCase()} See ${help}` }
}

/** The whole tree with every command loaded, for the reference. */
export async function wholeProgram(): Promise<{
  readonly program: Command
  readonly definitions: ReadonlyMap<Command, CommandDefinition>
}> {
  const parser = new Parser({ out: '', error: '' }, 100)
  await parser.loadAll()
  return parser
}

class Parser {
  readonly program: Command
  readonly path: string[] = []
  parsed: Parsed | undefined
  readonly definitions = new Map<Command, CommandDefinition>()
  readonly #nodes = new Map<Command, TreeNode>()

  constructor(output: { out: string; error: string }, columns: number | undefined) {
    this.program = new Command('holdfast')
    this.program
      .description('Block volumes for libvirt instances: encrypted, durable, and rebuilt by a hard reboot.')
      .exitOverride()
      .configureHelp({ showGlobalOptions: true, ...(columns === undefined ? {} : { helpWidth: columns }) })
      .configureOutput({
        writeOut: text => {
          output.out += text
        },
        writeErr: text => {
          output.error += text
        },
        getOutHelpWidth: () => columns ?? 80,
        getErrHelpWidth: () => columns ?? 80,
        // Colour is decided elsewhere; help has none.
        getOutHasColors: () => false,
        getErrHasColors: () => false,
      })
      .helpOption('-h, --help', 'show help')
      .option('-V, --version', 'show the version')
      .on('option:version', () => {
        throw new CommanderError(0, VERSION, '')
      })
    for (const [flags, description] of GLOBAL_OPTIONS) this.program.option(flags, description)
    this.program.addHelpText('after', ROOT_EXAMPLES)
    this.#addChildren(this.program, TREE)
  }

  async loadAll(command: Command = this.program): Promise<void> {
    for (const child of command.commands) {
      const node = this.#nodes.get(child)
      if (node !== undefined && 'load' in node) await this.#load(child, node)
      else await this.loadAll(child)
    }
  }

  #addChildren(parent: Command, nodes: readonly TreeNode[]): void {
    for (const node of nodes) {
      const child = parent.command(node.name).summary(node.summary).description(capitalised(node.summary))
      this.#nodes.set(child, node)
      if ('children' in node) this.#addChildren(child, (node satisfies GroupNode).children)
    }
    if (parent === this.program) parent.helpCommand('help [command...]', 'show help of a command')
    else parent.helpCommand(false)
    // Before a command parses what stands behind it, its file is loaded and its options are added.
    parent.hook('preSubcommand', async (_, child) => {
      const node = this.#nodes.get(child)
      this.path.push(child.name())
      if (node !== undefined && 'load' in node) await this.#load(child, node)
    })
  }

  async #load(command: Command, node: CommandNode): Promise<void> {
    const { command: definition } = await node.load()
    this.definitions.set(command, definition)
    if (definition.description !== undefined) command.description(definition.description)
    for (const spec of definition.arguments) command.addArgument(toArgument(spec))
    const keys = Object.entries(definition.options).map(([key, spec]) => {
      const option = toOption(spec)
      command.addOption(option)
      return [key, option.attributeName()] as const
    })
    command.addHelpText('after', examplesText(definition))
    command.action(() => {
      this.parsed = {
        kind: 'run',
        name: this.path.join(' '),
        definition,
        options: Object.fromEntries(keys.map(([key, attribute]) => [key, command.getOptionValue(attribute)])),
        args: command.processedArgs,
        global: this.#global(),
      }
    })
  }

  #global(): GlobalOptions {
    const { state, config, cloud, json, color, quiet } = this.program.opts<Partial<GlobalOptions>>()
    return { state, config, cloud, json: json === true, color: color !== false, quiet: quiet === true }
  }
}

const ROOT_EXAMPLES = `
Examples:
  holdfast volume create --size 10 data-1         create a volume of 10 GiB
  holdfast instance attach web-1 data-1           attach it
  holdfast instance reboot web-1 --hard           tear the instance down and build it again
  holdfast volume list --json                     for programs

Every name may be an id, and either may be shortened as long as it is clear.`

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function examplesText({ examples }: CommandDefinition): string {
  const width = Math.max(0, ...examples.map(({ command }) => command.length))
  const lines = examples.map(({ command, meaning }) => `  ${command.padEnd(width)}   ${meaning}`)
  return examples.length === 0 ? '' : `\nExamples:\n${lines.join('\n')}`
}

function toArgument(spec: ArgumentSpec<unknown>): Argument {
  const argument = new Argument(spec.required ? `<${spec.name}>` : `[${spec.name}]`, spec.description)
  return argument.argParser((text: string) => checked(() => spec.parse(text)))
}

function toOption(spec: OptionSpec<unknown>): Option {
  const option = new Option(spec.flags, spec.description)
  if (spec.conflicts !== undefined) option.conflicts([...spec.conflicts])
  if (spec.required) option.makeOptionMandatory()
  if (spec.kind === 'flag') return option
  if (spec.choices !== undefined) return option.choices([...spec.choices])
  if (spec.kind === 'value') return option.argParser((text: string) => checked(() => spec.parse(text)))
  return option
    .default([], '')
    .argParser((text: string, earlier: unknown) => [
      ...(Array.isArray(earlier) ? earlier : []),
      checked(() => spec.parse(text)),
    ])
}

/** What an option does not take, as commander's usage error, which names the option. */
function checked<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof NotAllowed) throw new InvalidArgumentError(error.message)
    throw error
  }
}

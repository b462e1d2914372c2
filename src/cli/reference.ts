import type { Command } from 'commander'
import { allowedText, type Field } from '#src/config/field.ts'
import { FIELDS } from '#src/config/fields.ts'
import type { ErrorKind } from '#src/core/error.ts'
import type { CommandDefinition } from './define.ts'
import { EXIT_CODES, KIND_MEANINGS, OTHER_EXIT_CODES } from './exit-codes.ts'
import { wholeProgram } from './program.ts'
import { displayWidth } from './terminal-text.ts'

/**
 * The pages of docs/reference, made from the tables and the command tree that the program itself uses. A test compares
 * them with the files; `node src/cli/write-reference.ts` writes them.
 */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['cli.md', cliPage(await wholeProgram())],
    ['exit-codes.md', exitCodesPage()],
    ['configuration.md', configurationPage()],
  ])
}

const GENERATED = '<!-- Made by `node src/cli/write-reference.ts`; a test compares it with the program. -->\n'

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** Padded as the formatter of this repository pads them. */
function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headers, ...rows].map(row => row.map(cell))
  const widths = headers.map((_, column) => Math.max(3, ...lines.map(row => displayWidth(row[column] ?? ''))))
  const line = (row: readonly string[], fill: string) =>
    `| ${row.map((text, column) => text + fill.repeat((widths[column] ?? 0) - displayWidth(text))).join(' | ')} |\n`
  const [head = [], ...body] = lines
  const rule = headers.map(() => '')
  return line(head, ' ') + line(rule, '-') + body.map(row => line(row, ' ')).join('')
}

type Whole = Awaited<ReturnType<typeof wholeProgram>>

function cliPage(whole: Whole): string {
  const { program } = whole
  const groups = program.commands.filter(command => command.name() !== 'help')
  return `# Command line

${GENERATED}
${CLI_INTRODUCTION}
## Options of every command

${optionTable(program)}
${groups.map(group => groupSection(whole, group, 'holdfast')).join('\n')}`
}

const CLI_INTRODUCTION = `\`holdfast NOUN VERB …\`. \`--help\` behind any of them shows it, with examples.

**Running it.** In a clone, after \`npm install\`, \`npx holdfast …\` runs it with the Node that npm put beside it. From elsewhere use
\`npx --prefix /path/to/holdfast holdfast …\`, or make a link to \`bin/holdfast.mjs\` from a folder of your \`PATH\`: it finds its own Node if
yours is older than 24. What it compiles is kept under \`$XDG_CACHE_HOME/holdfast\` or \`~/.cache/holdfast\` (or \`NODE_COMPILE_CACHE\`), and may be
deleted at any time.

**Names.** Wherever a volume, snapshot, volume type, instance or operation is meant, its id, its name, or the beginning of either will do, as long
as only one is meant; else it is \`ambiguous-name\` and the candidates are listed. An id wins over a name, a whole name over the beginning of
another. \`delete\` is stricter: a whole name, or at least 8 characters of the id.

**Deleting asks no question.** \`volume delete\` destroys the data and the key at once, as the OpenStack client does. What protects a volume: it
is refused while attached or while it has snapshots. \`--dry-run\` shows what would happen.

**What asks.** \`host check --fix\` asks before it changes anything, on a terminal only: without one, or with \`--json\`, it is refused with
\`not-confirmed\` and nothing is touched, unless \`--yes\` is given. An empty line and the end of the input mean no.

**Plans.** Every verb that changes something takes \`--dry-run\`: it prints what would be done and what would refuse it, changes nothing, and
ends with ${OTHER_EXIT_CODES.planRefused} if a real run would be refused now.

**Output.** Results go to stdout; progress, notes and errors to stderr. An empty list prints nothing on stdout and a line on stderr. Colours only
on a terminal, not with \`--no-color\`, not with a \`NO_COLOR\` that is not empty. Text from outside (names, messages) is printed with its control
characters made visible. \`instance console\` leaves the guest's control sequences out on a terminal and passes every byte to a pipe or file.

**JSON.** With \`--json\` stdout has one JSON value: an array for a list, an object else, with the field names of the Block Storage API v3 and the
Compute API v2.1. Verbs that make an operation add \`operation\`, \`change\` (\`made\` or \`already\`) and \`notes\`. stdout is empty if it fails. stderr
then has one JSON object a line: \`{"note": …}\`, and at the end \`{"error": {"code", "kind", "message", "hint", "left", "operation", "exit_code", …}}\`.
\`host resume\`, \`host check\` and \`host drill\` print their report whatever it says, and end with a code that tells whether all is well; a
\`host resume\` that was stopped prints both report and error. What something took is in milliseconds, in a field that ends in \`_ms\`.
\`OS-EXT-STS:power_state\` is Nova's name of the state (\`running\`, \`shutdown\`, \`paused\`, \`suspended\`, \`crashed\`; \`pending\`: there is no domain),
and null if the hypervisor did not answer.

**Ctrl-C.** The first asks the command to stop: an operation undoes what it began, or stays so that \`holdfast operation resume\` can finish it; the
error says which. The second ends the process at once; the journal has what was begun. See [exit codes](exit-codes.md).

**When something fails.** The error says what, where, what is left (\`left:\`) and what to do (\`hint:\`). Only a defect of Holdfast shows a stack, and
only with \`HOLDFAST_DEBUG=1\`.
`

function groupSection(whole: Whole, group: Command, parent: string): string {
  const path = `${parent} ${group.name()}`
  const nested = group.commands.filter(command => command.commands.length > 0)
  const verbs = group.commands.filter(command => command.commands.length === 0)
  const heading = `## ${path}\n\n${group.description()}.\n\n`
  return `${heading}${[...verbs.map(verb => verbSection(whole, verb, path)), ...nested.map(inner => groupSection(whole, inner, path))].join('\n')}`
}

function verbSection({ definitions }: Whole, verb: Command, parent: string): string {
  const definition = definitions.get(verb)
  const help = verb.createHelp()
  const args = help.visibleArguments(verb).map(argument => [`\`${argument.name()}\``, argument.description])
  const usage = `${parent} ${verb.name()} ${verb.usage()}`
  const text = verb.description()
  return [
    `### ${parent.replace(/^holdfast /, '')} ${verb.name()}\n\n`,
    `${text.endsWith('.') ? text : `${text}.`}\n\n`,
    `\`\`\`\n${usage}\n\`\`\`\n`,
    args.length === 0 ? '' : `\n${table(['argument', 'meaning'], args)}`,
    verb.options.length === 0 ? '' : `\n${optionTable(verb)}`,
    definition === undefined ? '' : exampleBlock(definition),
  ].join('')
}

function optionTable(command: Command): string {
  const rows = command.options.map(option => {
    const choices = option.argChoices === undefined ? '' : ` (${option.argChoices.join(', ')})`
    return [`\`${option.flags}\``, `${option.description}${choices}`]
  })
  return table(['option', 'meaning'], rows)
}

function exampleBlock({ examples }: CommandDefinition): string {
  const width = Math.max(0, ...examples.map(({ command }) => command.length))
  const lines = examples.map(({ command, meaning }) => `${command.padEnd(width)}   # ${meaning}`)
  return lines.length === 0 ? '' : `\n\`\`\`sh\n${lines.join('\n')}\n\`\`\`\n`
}

function exitCodesPage(): string {
  const kinds = Object.entries(EXIT_CODES)
    .sort(([, one], [, other]) => one - other)
    .map(([kind, code]) => [String(code), `\`${kind}\``, KIND_MEANINGS[kind as ErrorKind]])
  return `# Exit codes

${GENERATED}
Every failure has a kind, which decides the exit code, and a code such as \`volume-not-found\`, which says exactly what it was (\`--json\` shows both).

${table(['exit code', 'kind', 'meaning'], [['0', '', 'It is done, or was so already.'], ...kinds, ...OTHER_ROWS])}`
}

const OTHER_ROWS: readonly (readonly string[])[] = [
  [String(OTHER_EXIT_CODES.planRefused), '', '`--dry-run`: a real run would be refused now. The plan says why.'],
  [
    String(OTHER_EXIT_CODES.notBack),
    '',
    '`host resume`: some instances did not come back, or still wait. `host drill`: some would not.',
  ],
  [String(OTHER_EXIT_CODES.differences), '', '`host check` found differences, or could not mend one.'],
  [String(OTHER_EXIT_CODES.hangup), '', 'Stopped by SIGHUP. The error says what was undone and what is left.'],
  [String(OTHER_EXIT_CODES.interrupted), '', 'Stopped by Ctrl-C. The error says what was undone and what is left.'],
  [String(OTHER_EXIT_CODES.terminated), '', 'Stopped by SIGTERM. The error says what was undone and what is left.'],
]

function configurationPage(): string {
  const rows = FIELDS.map(field => [
    `\`${field.key}\``,
    `\`${field.variable}\``,
    allowedText(field.kind),
    field.defaultText ?? `\`${field.fallback}\``,
    field.meaning,
  ])
  return `# Configuration

${GENERATED}
Nothing has to be configured. What is, comes from, the later winning: the defaults, a file, the environment, flags (\`--state\`).

The file is YAML: the one that \`--config FILE\` or \`HOLDFAST_CONFIG\` names, else \`/etc/holdfast/holdfast.yaml\` if it is there. It is data alone: no
tags, no aliases, no repeated keys. An unknown field, a value that is not allowed, or anything that is not YAML is \`config-invalid\`: the message names
the file, the field and what is allowed. An empty environment variable counts as unset; a relative path in a variable or flag starts at the
working directory.

${table(['field', 'variable', 'allowed', 'default', 'meaning'], rows)}
Other variables: \`HOLDFAST_CONFIG\` names the file, \`HOLDFAST_DEBUG=1\` shows where an unexpected error came from, \`NO_COLOR\` turns colours off.

A dot leads into a section. Everything at its default:

\`\`\`yaml
${exampleYaml()}\`\`\`
`
}

function exampleYaml(): string {
  const sections = new Set<string>()
  return FIELDS.map(field => {
    const [section = '', inner] = field.key.split('.')
    if (inner === undefined) return `${exampleLine(field, section)}\n`
    const head = sections.has(section) ? '' : `${section}:\n`
    sections.add(section)
    return `${head}  ${exampleLine(field, inner)}\n`
  }).join('')
}

/** Fields whose default is found at start are shown as a comment. */
const exampleLine = ({ fallback, kind }: Field, name: string): string =>
  fallback === undefined ? `# ${name}: ${kind.type === 'path' ? '/path' : 'name'}` : `${name}: ${fallback}`

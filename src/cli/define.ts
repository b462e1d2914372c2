import type { CliContext } from './context.ts'

interface OptionBase {
  /** As commander writes them: `-f, --file <path>`, `--now`. */
  readonly flags: string
  readonly description: string
  /** Attribute names of options that may not stand beside it. */
  readonly conflicts?: readonly string[] | undefined
}

/** An option of a command; `T` is what the command gets. */
export interface OptionSpec<T> extends OptionBase {
  readonly kind: 'flag' | 'value' | 'list'
  readonly choices?: readonly string[] | undefined
  readonly required?: boolean | undefined
  /** Turns one text into its value; throws `invalid-input`. */
  readonly parse: (text: string) => unknown
  /** Never there: carries the type. */
  readonly type?: T
}

/** An argument of a command. */
export interface ArgumentSpec<T> {
  readonly name: string
  readonly description: string
  readonly required: boolean
  readonly parse: (text: string) => unknown
  readonly type?: T
}

type Value<S> = S extends { readonly type?: infer T } ? T : never
type Options = Readonly<Record<string, OptionSpec<unknown>>>
type Arguments = readonly ArgumentSpec<unknown>[]
export type OptionValues<O extends Options> = { readonly [K in keyof O]: Value<O[K]> }
export type ArgumentValues<A extends Arguments> = { readonly [K in keyof A]: Value<A[K]> }

export interface Example {
  readonly command: string
  readonly meaning: string
}

interface Described {
  /** More than the summary, for `--help`. */
  readonly description?: string | undefined
  readonly examples: readonly Example[]
}

/** A command ready to be parsed and run; the types of its values are settled inside. */
export interface CommandDefinition extends Described {
  readonly arguments: Arguments
  readonly options: Options
  readonly invoke: (
    context: CliContext,
    options: Readonly<Record<string, unknown>>,
    args: readonly unknown[],
  ) => Promise<void>
}

/** Declares a command: what it takes, and what it does with it. */
export function defineCommand<const A extends Arguments, const O extends Options>(
  command: Described & {
    readonly arguments: A
    readonly options: O
    readonly run: (context: CliContext, options: OptionValues<O>, ...args: ArgumentValues<A>) => Promise<void>
  },
): CommandDefinition {
  return {
    description: command.description,
    examples: command.examples,
    arguments: command.arguments,
    options: command.options,
    // The parser makes exactly the values that the specs declare, each by its own `parse`.
    invoke: (context, options, args) =>
      command.run(context, options as OptionValues<O>, ...(args as unknown as ArgumentValues<A>)),
  }
}

export const argument = (name: string, description: string): ArgumentSpec<string> => ({
  name,
  description,
  required: true,
  parse: text => text,
})

export const optionalArgument = (name: string, description: string): ArgumentSpec<string | undefined> => ({
  name,
  description,
  required: false,
  parse: text => text,
})

export const integerArgument = (name: string, description: string, range: Range): ArgumentSpec<number> => ({
  name,
  description,
  required: true,
  parse: text => parseInteger(text, range),
})

type More = { readonly conflicts?: readonly string[] }

export const flag = (flags: string, description: string, more: More = {}): OptionSpec<boolean | undefined> => ({
  flags,
  description,
  kind: 'flag',
  parse: text => text,
  ...more,
})

export const text = (flags: string, description: string, more: More = {}): OptionSpec<string | undefined> => ({
  flags,
  description,
  kind: 'value',
  parse: value => value,
  ...more,
})

export const choice = <const C extends string>(
  flags: string,
  description: string,
  choices: readonly C[],
): OptionSpec<C | undefined> => ({ flags, description, kind: 'value', choices, parse: value => value })

export const integer = (
  flags: string,
  description: string,
  range: Range,
  more: More = {},
): OptionSpec<number | undefined> => ({
  flags,
  description,
  kind: 'value',
  parse: value => parseInteger(value, range),
  ...more,
})

/** An option that may be given again; an empty list if it never is. */
export const list = <T>(flags: string, description: string, parse: (text: string) => T): OptionSpec<readonly T[]> => ({
  flags,
  description,
  kind: 'list',
  parse,
})

export interface Range {
  readonly minimum: number
  readonly maximum: number
}

/** A value that an option or argument does not take; the parser turns it into a usage error that names the option. */
export class NotAllowed extends Error {}

export function parseInteger(value: string, { minimum, maximum }: Range): number {
  const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (number >= minimum && number <= maximum) return number
  throw new NotAllowed(`It must be an integer from ${minimum} to ${maximum}.`)
}

export const SIZE_RANGE: Range = { minimum: 1, maximum: 1_000_000 }

/** On every verb that changes something. */
export const dryRun = flag('--dry-run', 'only show what would be done, and what would refuse it')

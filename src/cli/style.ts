import type { Io } from './io.ts'

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const SGR: Readonly<Record<Colour, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

/** Paints text, or gives it as it is. */
export type Paint = (colour: Colour, text: string) => string

export const plain: Paint = (_, text) => text

const painted: Paint = (colour, text) => `\u001b[${SGR[colour][0]}m${text}\u001b[${SGR[colour][1]}m`

/** Colour only on a terminal that has it, and never with `--no-color` or a `NO_COLOR` that is not empty. */
export function paintFor(io: Io, stream: 'stdout' | 'stderr', colour: boolean): Paint {
  const wanted = colour && !io.env.NO_COLOR && io.env.TERM !== 'dumb'
  return wanted && io.isTty[stream] ? painted : plain
}

const COLOURS: ReadonlyMap<string, Colour> = new Map<string, Colour>([
  ...['available', 'in-use', 'ACTIVE', 'done', 'yes', 'running', 'resumed'].map(word => [word, 'green'] as const),
  ...['error', 'error_deleting', 'error_extending', 'ERROR', 'stuck', 'failed', 'no', 'crashed'].map(
    word => [word, 'red'] as const,
  ),
  ...['BUILD', 'REBOOT', 'HARD_REBOOT', 'DELETING', 'rolled-back'].map(word => [word, 'yellow'] as const),
])

const colourOf = (word: string): Colour | undefined =>
  COLOURS.get(word) ?? (word.endsWith('ing') || word.startsWith('waiting-') ? 'yellow' : undefined)

/** A status in its colour; of several words in that of the last one that has any. */
export function paintStatus(paint: Paint, text: string): string {
  const colour = text.trimEnd().split(' ').map(colourOf).findLast(Boolean)
  return colour === undefined ? text : paint(colour, text)
}

/**
 * Characters that could steer a terminal or make a line read other than it is: C0 and C1 controls, DEL, and the
 * invisible marks that reorder or hide text.
 */
const UNSAFE = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu

const visible = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`

/** Text from outside, safe to print in one line: what is not shows as `\u{1b}`. */
export const safeText = (text: string): string => text.replace(UNSAFE, visible)

/** The same for text of several lines. */
export const safeLines = (text: string): string => text.split('\n').map(safeText).join('\n')

/** JSON for people and programs; what a terminal could act on is written as `\u009b`, which is the same JSON. */
export function safeJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, undefined, indent).replace(UNSAFE, character =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const COMBINING = /^[\p{Mn}\p{Me}]$/u
const WIDE =
  /^(?:\p{Emoji_Presentation}|[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]|[\u3000-\u303e\uff01-\uff60\uffe0-\uffe6])$/u

/** Columns that a text takes on a terminal. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const character of text) width += COMBINING.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return width
}

/** Cut to so many columns, with `…` at the end if something was cut. */
export function clip(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  let kept = ''
  let width = 0
  for (const character of text) {
    width += displayWidth(character)
    if (width > columns - 1) break
    kept += character
  }
  return `${kept}…`
}

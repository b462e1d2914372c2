const ESC = '\u001b'
const BEL = '\u0007'

/** Longest control string that is swallowed; a guest cannot hide its output behind one that never ends. */
const MAX_SEQUENCE = 256

type State = 'text' | 'escape' | 'sequence' | 'string' | 'string-escape'

/**
 * Takes what a guest wrote to its console and gives what is safe to show on a terminal: escape sequences are dropped
 * (also when they are cut in two by reads), other control characters but tab and newline show as `^G`.
 * Carriage returns become line ends, so that a guest cannot write over its own lines.
 */
export class ConsoleFilter {
  readonly #decoder = new TextDecoder('utf-8')
  #state: State = 'text'
  #length = 0
  #carriageReturn = false

  push(bytes: Uint8Array): string {
    let out = ''
    for (const character of this.#decoder.decode(bytes, { stream: true })) out += this.#next(character)
    return out
  }

  #next(character: string): string {
    if (this.#state === 'text') return this.#text(character)
    this.#length++
    if (this.#length > MAX_SEQUENCE || character === '\n') {
      this.#state = 'text'
      return this.#text(character)
    }
    this.#state = this.#following(character)
    return ''
  }

  /** ECMA-48: `ESC [ … final`, `ESC ] … BEL` or `ESC \`, `ESC intermediates final`. */
  #following(character: string): State {
    if (character === ESC) return this.#state === 'string' ? 'string-escape' : 'escape'
    if (this.#state === 'escape') {
      if (character === '[') return 'sequence'
      if (']PX^_'.includes(character)) return 'string'
      return character >= ' ' && character <= '/' ? 'escape' : 'text'
    }
    if (this.#state === 'sequence') return character >= '@' && character <= '~' ? 'text' : 'sequence'
    if (this.#state === 'string-escape') return character === '\\' ? 'text' : 'string'
    return character === BEL || character === '\u009c' ? 'text' : 'string'
  }

  #text(character: string): string {
    const afterReturn = this.#carriageReturn
    this.#carriageReturn = character === '\r'
    if (character === '\r') return afterReturn ? '' : '\n'
    if (character === '\n') return afterReturn ? '' : '\n'
    if (character === '\t') return character
    if (character === ESC) return this.#begin('escape')
    if (character === '\u009b') return this.#begin('sequence')
    if ('\u0090\u0098\u009d\u009e\u009f'.includes(character)) return this.#begin('string')
    return shown(character)
  }

  #begin(state: State): string {
    this.#state = state
    this.#length = 0
    return ''
  }
}

/** A character as it is, or so that it can be seen and does nothing. */
function shown(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`
  if (code === 0x7f) return '^?'
  if (code >= 0x80 && code < 0xa0) return `\\x${code.toString(16)}`
  return /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(character) ? `\\u{${code.toString(16)}}` : character
}

import { inspect } from 'node:util'

const HIDDEN = '[secret]'

/**
 * Key material in memory (I6). It prints as a fixed word wherever it may be printed by accident: string conversion,
 * JSON, `util.inspect`. `wipe()` overwrites the bytes; using it afterwards throws.
 */
export class Secret implements Disposable {
  #bytes: Uint8Array | undefined

  /** Takes ownership of the bytes: they are overwritten by `wipe()`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The bytes themselves, not a copy: hand them to a pipe, do not keep them. */
  reveal(): Uint8Array {
    if (this.#bytes === undefined) throw new Error('secret used after it was wiped')
    return this.#bytes
  }

  get length(): number {
    return this.reveal().length
  }

  wipe(): void {
    this.#bytes?.fill(0)
    this.#bytes = undefined
  }

  [Symbol.dispose](): void {
    this.wipe()
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}

const HEX = new TextEncoder().encode('0123456789abcdef')

/**
 * The passphrase of a symmetric key: lower-case hexadecimal, two digits for each byte, no newline.
 * This is a storage format (Nova and os-brick `encryptors/luks.py`; leading zeros matter: Launchpad 1633518).
 */
export function passphraseOf(key: Secret): Secret {
  const bytes = key.reveal()
  const text = new Uint8Array(bytes.length * 2)
  bytes.forEach((byte, index) => {
    text[index * 2] = HEX[byte >> 4] as number
    text[index * 2 + 1] = HEX[byte & 15] as number
  })
  return new Secret(text)
}

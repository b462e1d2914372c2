import { Secret } from '#src/core/secret.ts'

/**
 * The key of a user, as QEMU and libvirt take it: the bytes that Ceph writes in base64. `text` is a keyring file, or the key
 * alone. Undefined if it has no key of this user, or what is there is no base64. Nothing is copied into strings, which could
 * not be wiped.
 */
export function parseKeyring(text: Uint8Array, username: string): Secret | undefined {
  let section: string | undefined
  for (const line of linesOf(text)) {
    if (line[0] === code('[')) section = ascii(line)
    else if (section === `[client.${username}]` && /^key\s*=/.test(ascii(line.subarray(0, 16)))) {
      return decodeBase64(trimmed(line.subarray(line.indexOf(code('=')) + 1)))
    }
  }
  return section === undefined ? decodeBase64(trimmed(text)) : undefined
}

const code = (character: string): number => character.charCodeAt(0)

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(0, 200)).trim()

function* linesOf(text: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf(code('\n'), at)
    const end = found < 0 ? text.length : found
    yield trimmed(text.subarray(at, end))
    at = end + 1
  }
}

const isSpace = (byte: number | undefined): boolean => byte === 9 || byte === 10 || byte === 13 || byte === 32

function trimmed(bytes: Uint8Array): Uint8Array {
  let [start, end] = [0, bytes.length]
  while (start < end && isSpace(bytes[start])) start++
  while (end > start && isSpace(bytes[end - 1])) end--
  return bytes.subarray(start, end)
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function decodeBase64(text: Uint8Array): Secret | undefined {
  const padding = text.at(-1) !== code('=') ? 0 : text.at(-2) === code('=') ? 2 : 1
  if (text.length === 0 || text.length % 4 !== 0) return undefined
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  let [bits, held, at] = [0, 0, 0]
  for (const character of text.subarray(0, text.length - padding)) {
    const digit = DIGITS.indexOf(String.fromCharCode(character))
    if (digit < 0) return undefined
    held = ((held << 6) | digit) & 0xff_ff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = (held >> bits) & 0xff
  }
  return new Secret(bytes)
}

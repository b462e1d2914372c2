import { Secret } from '#src/core/secret.ts'

/** The bytes that hexadecimal digits of either case stand for, without a string in between; undefined if that is not what they are. */
export function secretOfHex(digits: Uint8Array): Secret | undefined {
  if (digits.length % 2 !== 0) return undefined
  const bytes = new Uint8Array(digits.length / 2)
  for (let at = 0; at < bytes.length; at++) {
    const [high, low] = [digitOf(digits[2 * at]), digitOf(digits[2 * at + 1])]
    if (high === undefined || low === undefined) {
      bytes.fill(0)
      return undefined
    }
    bytes[at] = high * 16 + low
  }
  return new Secret(bytes)
}

function digitOf(digit = 0): number | undefined {
  if (digit >= 0x30 && digit <= 0x39) return digit - 0x30
  const letter = digit | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : undefined
}

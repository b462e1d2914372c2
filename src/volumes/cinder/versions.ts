const numbers = (version: string): readonly [major: number, minor: number] => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return [major, minor]
}

const compare = (a: string, b: string): number => {
  const [majorA, minorA] = numbers(a)
  const [majorB, minorB] = numbers(b)
  return majorA - majorB || minorA - minorB
}

/** Of microversions such as `3.44`: numbers, so 3.9 is less than 3.44. */
export const atLeast = (version: string, other: string): boolean => compare(version, other) >= 0
export const atMost = (version: string, other: string): boolean => compare(version, other) <= 0
export const least = (a: string, b: string): string => (compare(a, b) <= 0 ? a : b)

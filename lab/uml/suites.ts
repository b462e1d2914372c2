/** Tests that run inside one lab guest, together in one boot. */
export interface Suite {
  readonly name: string
  /** Globs from the root of the clone. These files do not run on the host. */
  readonly tests: readonly string[]
  readonly memoryMib: number
  readonly modules: readonly string[]
  readonly udev: boolean
  readonly timeoutMs: number
}

/**
 * A boot costs 2 s, a test file in it 1 to 2 s for its Node, a `cryptsetup` 0.2 to 1 s; a domain that libvirt starts 30 s.
 * `real.test.ts` beside an implementation is by convention the one that needs the lab's kernel.
 */
export const SUITES: readonly Suite[] = [
  {
    name: 'kernel',
    tests: ['lab/kernel/**/*.test.ts', 'src/{host,volumes,connectors,encryptors,nics}/**/real.test.ts'],
    memoryMib: 768,
    modules: ['loop', 'dm-crypt'],
    udev: true,
    timeoutMs: 600_000,
  },
  {
    name: 'faulty-devices',
    tests: ['lab/faulty-devices/**/*.test.ts'],
    memoryMib: 768,
    modules: ['loop', 'dm-crypt', 'dm-flakey'],
    udev: true,
    timeoutMs: 600_000,
  },
  {
    name: 'life',
    tests: ['lab/life/**/*.test.ts'],
    memoryMib: 1536,
    modules: ['loop', 'dm-crypt', 'bridge', 'tun'],
    udev: true,
    timeoutMs: 900_000,
  },
]

/** All globs of tests that only run in the lab. */
export const LAB_ONLY: readonly string[] = SUITES.flatMap(suite => suite.tests)

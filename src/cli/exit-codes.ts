import type { ErrorKind } from '#src/core/error.ts'

/** The one table from a kind of failure to the exit code. A number never changes its meaning. */
export const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  internal: 1,
  'invalid-input': 2,
  'not-found': 3,
  conflict: 4,
  'wrong-state': 5,
  quota: 6,
  unavailable: 7,
  forbidden: 8,
  unsafe: 9,
  unsupported: 10,
  'no-space': 11,
  busy: 12,
  timeout: 13,
  'host-command': 14,
  corrupt: 15,
  stuck: 16,
}

/** Ends that are no failure of a kind. */
export const OTHER_EXIT_CODES = {
  success: 0,
  planRefused: 20,
  notBack: 21,
  differences: 22,
  hangup: 129,
  interrupted: 130,
  terminated: 143,
} as const

export const exitCodeOf = (kind: ErrorKind): number => EXIT_CODES[kind]

/** For people: what each kind means, and what it asks of them. */
export const KIND_MEANINGS: Readonly<Record<ErrorKind, string>> = {
  internal: 'A defect of Holdfast. `HOLDFAST_DEBUG=1` shows where.',
  'invalid-input': 'The command line, the configuration, a spec file or an image is not valid; nothing was done.',
  'not-found': 'There is no such volume, snapshot, volume type, instance or operation.',
  conflict: 'It collides with something that is there: a name is taken or ambiguous, a domain is not ours.',
  'wrong-state': 'The volume, snapshot or instance is in a state in which this is not allowed; the message names it.',
  quota: 'A quota would be exceeded.',
  unavailable: 'A service that is needed does not answer, such as libvirt or the storage.',
  forbidden: 'The user may not do this; most verbs need root.',
  unsafe: 'Refused because it could harm data or show a guest what it must not see.',
  unsupported: 'This host or this version cannot do it.',
  'no-space': 'The file system or the pool is full.',
  busy: 'Another operation, another process or the guest holds it; try again.',
  timeout: 'It did not finish before its deadline.',
  'host-command': 'A program of the host or the hypervisor failed; the message has its words.',
  corrupt: 'A record, a header or an image is damaged.',
  stuck: 'The operation could be driven neither forward nor back; see `holdfast operation resume`.',
}

import { type ErrorKind, HoldfastError } from '#src/core/error.ts'

type Trouble = 'unsupported' | 'malformed' | 'unsafe'

const KINDS: Readonly<Record<Trouble, ErrorKind>> = {
  unsupported: 'unsupported',
  malformed: 'corrupt',
  unsafe: 'unsafe',
}

const HINTS: Readonly<Record<Trouble, string>> = {
  unsupported: 'use a volume type whose backend is Ceph (rbd) or iSCSI',
  malformed: "see the log of the volume's backend at Cinder",
  unsafe: "it is not what Cinder's own drivers hand out for this volume: see who can write to its backend and database",
}

/** What is wrong with the connection info of a volume; `found` is quoted and cut, and left out for secrets. */
export function connectionTrouble(
  trouble: Trouble,
  volume: string,
  what: string,
  found?: { readonly value: unknown },
): HoldfastError {
  const shown = found ? `, but ${glimpse(found.value)}` : ''
  return new HoldfastError(
    KINDS[trouble],
    `connection-info-${trouble}`,
    `the connection info that Cinder handed out for volume ${volume} ${what}${shown}`,
    { details: { volume, layer: 'attachment', hint: HINTS[trouble] } },
  )
}

function glimpse(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? typeof value
  // Also what JSON leaves as it is, and a terminal or a person would stumble over.
  const plain = text.replace(/[^\x20-\x7e]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return plain.length > 120 ? `${plain.slice(0, 120)}…` : plain
}

import type { FaultPoint } from '#src/sim/faults.ts'
import type { Fate } from './deaths.ts'
import type { Moment } from './moments.ts'
import { DEATHS, type Death } from './recovery.ts'

/** How a point is written on the command line: `7:after:kill,3:before:power` for deaths (`slow0:7:after:kill` with the first volume slow), `look:16/3` for a trouble. */
export type PointSpec =
  | { readonly fates: readonly (Pick<Moment, 'number' | 'when' | 'slow'> & { readonly death: Death })[] }
  | { readonly kind: FaultPoint['kind']; readonly number: number; readonly index: number }

export const fateSpec = (fates: readonly Fate[]): string =>
  fates.map(({ moment, death }) => `${slowSpec(moment)}${moment.number}:${moment.when}:${death}`).join(',')

const slowSpec = ({ slow }: Moment): string => (slow === undefined ? '' : `slow${slow}:`)

export const faultSpec = ({ kind, number }: FaultPoint, index: number): string => `${kind}:${number}/${index}`

const TROUBLE = /^(effect|look):(\d+)\/(\d+)$/
const FATE = /^(?:slow(\d):)?(\d+):(before|after|recorded):(kill|power)$/

/** @throws Error if it is no point */
export function parsePoint(text: string): PointSpec {
  const [, kind, number, index] = TROUBLE.exec(text) ?? []
  if (kind !== undefined)
    return { kind: kind === 'look' ? 'look' : 'effect', number: Number(number), index: Number(index) }
  return { fates: text.split(',').map(parseFate) }
}

function parseFate(text: string) {
  const [, slow, number, when, death] = FATE.exec(text) ?? []
  const known = DEATHS.find(each => each === death)
  if (known && (when === 'before' || when === 'after' || when === 'recorded')) {
    return { number: Number(number), when, death: known, slow: slow === undefined ? undefined : Number(slow) } as const
  }
  throw new Error(`'${text}' is no point: '7:after:kill,3:before:power' is one, and 'look:16/3'`)
}

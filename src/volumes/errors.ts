import { HoldfastError } from '#src/core/error.ts'

/** The errors of the port, one wording for every implementation. Ids from outside are quoted and cut. */
const quoted = (text: string) => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
const list = (words: readonly string[]) => words.map(word => `'${word}'`).join(' or ')

export const volumeNotFound = (id: string) =>
  new HoldfastError('not-found', 'volume-not-found', `there is no volume ${quoted(id)}`, { details: { volume: id } })

export const snapshotNotFound = (id: string) =>
  new HoldfastError('not-found', 'snapshot-not-found', `there is no snapshot ${quoted(id)}`)

export const attachmentNotFound = (id: string, volume?: string) =>
  new HoldfastError('not-found', 'attachment-not-found', `there is no attachment ${quoted(id)}`, {
    details: { volume },
  })

export const volumeTypeNotFound = (nameOrId: string) =>
  new HoldfastError('not-found', 'volume-type-not-found', `there is no volume type ${quoted(nameOrId)}`)

export const invalidInput = (message: string, hint?: string) =>
  new HoldfastError('invalid-input', 'invalid-input', message, { details: { hint } })

/** Refusal of a verb: `verb` in words (`extend it`), the state that the volume is in and those that allow it. */
export const wrongVolumeState = (
  volume: { readonly id: string; readonly status: string },
  verb: string,
  allowed: readonly string[],
) =>
  new HoldfastError(
    'wrong-state',
    'invalid-volume',
    `volume ${volume.id} is '${volume.status}'; to ${verb} it must be ${list(allowed)}`,
    { details: { volume: volume.id } },
  )

export const invalidVolume = (volume: string, message: string, hint?: string) =>
  new HoldfastError('wrong-state', 'invalid-volume', message, { details: { volume, hint } })

export const wrongSnapshotState = (
  snapshot: { readonly id: string; readonly status: string },
  verb: string,
  allowed: readonly string[],
) =>
  new HoldfastError(
    'wrong-state',
    'invalid-snapshot',
    `snapshot ${snapshot.id} is '${snapshot.status}'; to ${verb} it must be ${list(allowed)}`,
  )

export const wrongAttachmentState = (
  attachment: { readonly id: string; readonly volumeId: string; readonly status: string },
  verb: string,
  allowed: readonly string[],
) =>
  new HoldfastError(
    'wrong-state',
    'invalid-attachment',
    `attachment ${attachment.id} is '${attachment.status}'; to ${verb} it must be ${list(allowed)}`,
    { details: { volume: attachment.volumeId } },
  )

/** The embedded pool is reachable from its own host only. */
export const wrongHost = (volume: string, asked: string, own: string) =>
  new HoldfastError(
    'unsafe',
    'wrong-host',
    `volume ${volume} is in the pool of host '${own}'; it can't be connected from host '${asked}'`,
    { details: { volume, layer: 'attachment' } },
  )

export const duplicateConnection = (volume: string, other: string) =>
  new HoldfastError(
    'conflict',
    'conflict',
    `volume ${volume} is connected by attachment ${other} already, and only multiattach volumes may be connected twice`,
    { details: { volume, layer: 'attachment' } },
  )

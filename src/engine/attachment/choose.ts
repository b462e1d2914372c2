import type { Walk } from '../walk.ts'
import { attachmentFlow } from './attachments.ts'
import type { AttachmentFlow } from './flow.ts'
import { legacyFlow } from './legacy.ts'

/** By which verbs the volume is attached, as it was recorded when that began. */
export const flowOf = (walk: Walk, volumeId: string): AttachmentFlow =>
  walk.mapping(volumeId).generation === 'legacy' ? legacyFlow : attachmentFlow

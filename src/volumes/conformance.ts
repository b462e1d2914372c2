import { describe } from 'node:test'
import { attachmentConformance } from './conformance-attachments.ts'
import { contentConformance } from './conformance-content.ts'
import type { MakeVolumeService } from './conformance-fixture.ts'
import { legacyConformance } from './conformance-legacy.ts'
import { volumeConformance } from './conformance-volumes.ts'

export type { FixtureSettings, MakeVolumeService, TestImages, VolumeServiceFixture } from './conformance-fixture.ts'

/** What every volume service that owns its states must do, whoever keeps the data. */
export function volumeServiceConformance(name: string, make: MakeVolumeService): void {
  describe(`${name}: volume service conformance`, () => {
    volumeConformance(make)
    attachmentConformance(make)
    legacyConformance(make)
    contentConformance(make)
  })
}

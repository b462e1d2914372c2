import { describe } from 'node:test'
import { attachmentConformance } from './conformance-attachments.ts'
import { contentConformance } from './conformance-content.ts'
import { EMBEDDED, type MakeVolumeService, type Traits } from './conformance-fixture.ts'
import { imageConformance } from './conformance-images.ts'
import { legacyConformance } from './conformance-legacy.ts'
import { typeConformance } from './conformance-types.ts'
import { volumeConformance } from './conformance-volumes.ts'

export type {
  FixtureSettings,
  MakeVolumeService,
  TestImages,
  Traits,
  VolumeServiceFixture,
} from './conformance-fixture.ts'

/** What every volume service must do, whoever owns the states and keeps the data; `different`: in what it differs by its nature. */
export function volumeServiceConformance(name: string, make: MakeVolumeService, different: Partial<Traits> = {}): void {
  const traits = { ...EMBEDDED, ...different }
  const bench: Parameters<typeof volumeConformance>[0] = async settings => ({ ...(await make(settings)), traits })
  describe(`${name}: volume service conformance`, () => {
    volumeConformance(bench, traits)
    typeConformance(bench)
    attachmentConformance(bench, traits)
    legacyConformance(bench)
    contentConformance(bench)
    imageConformance(bench, traits)
  })
}

import { volumeServiceConformance } from '../conformance.ts'
import { localFixture } from './testing.ts'

volumeServiceConformance('embedded pool', localFixture)

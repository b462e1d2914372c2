import { mkdir, writeFile } from 'node:fs/promises'
import { referencePages } from './reference.ts'

/** Writes docs/reference anew: `node src/cli/write-reference.ts`. */
const folder = new URL('../../docs/reference/', import.meta.url)
await mkdir(folder, { recursive: true })
for (const [name, text] of await referencePages()) await writeFile(new URL(name, folder), text)

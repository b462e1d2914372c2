/** `hold-state.ts DIR`: holds a state directory as a long operation would, until it is killed or its stdin ends. */
import { loadConfig } from '#src/config/load-config.ts'
import { openHoldfast } from '#src/index.ts'

const config = await loadConfig({ flags: { state: process.argv[2] ?? '' }, env: {}, uid: 0 })
await using holdfast = await openHoldfast(config, { mode: 'write' })
await holdfast.volumes.getAll()
process.stdout.write('held\n')
for await (const _ of process.stdin);

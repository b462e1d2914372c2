// Small helpers of the bootstrap. Plain JavaScript for Node 20 and up, Node's own modules only.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Exit code for "this machine lacks something and we may not install it" (sysexits EX_UNAVAILABLE). */
export const EXIT_UNAVAILABLE = 69

/** A condition that ends the bootstrap with a message for a person and an exit code. */
export class Stop extends Error {
  /** @param {string} message @param {number} [exitCode] */
  constructor(message, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Absolute path of a program: `$PATH` first, then the system folders that a user's `$PATH` often lacks. */
export function findProgram(name, path = process.env.PATH ?? '') {
  const folders = [...path.split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin']
  return folders
    .filter(folder => folder.startsWith('/'))
    .map(folder => join(folder, name))
    .find(isExecutable)
}

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export const isRoot = () => process.getuid?.() === 0

/** Output of a program that needs no deadline of note; undefined if it is missing or failed. */
export function capture(program, args) {
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 })
  return result.status === 0 ? result.stdout : undefined
}

/** One line of progress on stderr, so that stdout stays the command's own. */
export const say = text => process.stderr.write(`holdfast: ${text}\n`)

/**
 * Runs a long step and shows that it lives: on a terminal its latest line, elsewhere nothing. Answers the seconds it took.
 * @throws Stop with the first and last lines of its output if it fails
 */
export function runStep(program, args, options = {}) {
  const start = Date.now()
  const output = []
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    const keep = chunk => showLatest(output, String(chunk))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', error => reject(new Stop(`${program} could not be started: ${error.message}`)))
    child.on('close', (code, signal) => {
      clearLine()
      if (code === 0) return resolve((Date.now() - start) / 1000)
      const how = signal ? `ended by ${signal}` : `exit ${code}`
      reject(new Stop(`${[program, ...args].join(' ')}: ${how}\n${endsOf(output).join('\n')}`))
    })
  })
}

function showLatest(output, text) {
  const lines = text.split(/[\r\n]+/).filter(line => line.trim() !== '')
  output.push(...lines)
  if (process.stderr.isTTY && lines.length > 0) {
    process.stderr.write(`\r\x1b[K  ${(lines.at(-1) ?? '').slice(0, (process.stderr.columns ?? 80) - 4)}`)
  }
}

/** Some tools tell the reason first (npm), some last (apt). */
const endsOf = lines => (lines.length <= 30 ? lines : [...lines.slice(0, 15), '…', ...lines.slice(-15)])

function clearLine() {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}

import { parseArgs } from 'node:util'
import { runSuite } from './run-suite.ts'
import { SUITES } from './suites.ts'
import { runInUml } from './uml.ts'

const USAGE = `Runs a command as root in a throw-away Linux guest with a real device-mapper.

  node tools/bootstrap.mjs lab [options] -- COMMAND [ARGUMENT…]
  node tools/bootstrap.mjs lab --suite NAME [FILE…]     runs a suite of tests, or these files in its guest: ${SUITES.map(suite => suite.name).join(', ')}

  --memory MIB      512 unless told
  --modules 'A B'   kernel modules to load, for example 'loop dm-crypt'
  --udev            with udevd
  --disk FILE       a file as /dev/ubda, /dev/ubdb …; may be given again
  --results DIR     a folder of the host, writable as /results in the guest
  --env NAME=VALUE  for the command; may be given again
  --timeout S       300 unless told; then the exit code is 124
  --console         the guest's kernel log on stderr at the end

/ in the guest is this machine's, and what the command changes there is gone with it. The exit code is the command's;
125 if the guest died.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    memory: { type: 'string' },
    modules: { type: 'string', default: '' },
    udev: { type: 'boolean', default: false },
    disk: { type: 'string', multiple: true, default: [] },
    results: { type: 'string' },
    env: { type: 'string', multiple: true, default: [] },
    timeout: { type: 'string' },
    console: { type: 'boolean', default: false },
    suite: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const live = { stdout: process.stdout, stderr: process.stderr }

if (values.suite !== undefined) process.exitCode = await suite(values.suite)
else if (values.help || positionals.length === 0) {
  process.stderr.write(USAGE)
  process.exitCode = values.help ? 0 : 64
} else process.exitCode = await command()

async function suite(name: string): Promise<number> {
  const found = SUITES.find(each => each.name === name)
  if (found === undefined) {
    process.stderr.write(`lab: no suite ${name}; there are ${SUITES.map(each => each.name).join(', ')}\n`)
    return 64
  }
  const { guest, report } = await runSuite(found, { live, ...(positionals.length > 0 ? { files: positionals } : {}) })
  if (guest.ended !== 'by-itself') process.stderr.write(`lab: ${guest.ended}\n${guest.console}`)
  return report.failures.length > 0 ? guest.exitCode || 1 : 0
}

async function command(): Promise<number> {
  const result = await runInUml({
    argv: positionals,
    cwd: process.cwd(),
    udev: values.udev,
    disks: values.disk,
    modules: values.modules.split(/\s+/).filter(Boolean),
    env: Object.fromEntries(values.env.map(splitEnv)),
    live,
    ...(values.memory === undefined ? {} : { memoryMib: Number(values.memory) }),
    ...(values.results === undefined ? {} : { resultsDir: values.results }),
    ...(values.timeout === undefined ? {} : { timeoutMs: Number(values.timeout) * 1000 }),
  })
  if (result.ended !== 'by-itself') process.stderr.write(`lab: ${result.ended}\n`)
  if (values.console || result.ended === 'guest-died') process.stderr.write(result.console)
  return result.exitCode
}

function splitEnv(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new Error(`--env ${text}: wants NAME=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
}

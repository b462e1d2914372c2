import { parseArgs } from 'node:util'
import { runInUml } from './uml.ts'

const USAGE = `Runs a command as root in a throw-away Linux guest with a real device-mapper.

  node tools/bootstrap.mjs lab [options] -- COMMAND [ARGUMENT…]

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
    help: { type: 'boolean', default: false },
  },
})

if (values.help || positionals.length === 0) {
  process.stderr.write(USAGE)
  process.exitCode = values.help ? 0 : 64
} else {
  const result = await runInUml({
    argv: positionals,
    cwd: process.cwd(),
    udev: values.udev,
    disks: values.disk,
    modules: values.modules.split(/\s+/).filter(Boolean),
    env: Object.fromEntries(values.env.map(splitEnv)),
    live: { stdout: process.stdout, stderr: process.stderr },
    ...(values.memory === undefined ? {} : { memoryMib: Number(values.memory) }),
    ...(values.results === undefined ? {} : { resultsDir: values.results }),
    ...(values.timeout === undefined ? {} : { timeoutMs: Number(values.timeout) * 1000 }),
  })
  if (result.ended !== 'by-itself') process.stderr.write(`lab: ${result.ended}\n`)
  if (values.console || result.ended === 'guest-died') process.stderr.write(result.console)
  process.exitCode = result.exitCode
}

function splitEnv(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new Error(`--env ${text}: wants NAME=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
}

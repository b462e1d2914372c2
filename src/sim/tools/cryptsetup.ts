import type { CommandRequest, CommandResult } from '#src/host/host.ts'
import type { World } from '../world.ts'
import { changeKey, convert, format, type Invocation, isLuks, setUuid } from './cryptsetup-headers.ts'
import { close, open, testPassphrase } from './cryptsetup-mappings.ts'
import { fails, type SimTool, says } from './run.ts'

/** Options that take a value, as far as they are used. */
const VALUED = new Set([
  '--type',
  '--uuid',
  '--cipher',
  '--key-size',
  '--offset',
  '--pbkdf',
  '--pbkdf-force-iterations',
  '--keyfile-size',
])
const FLAGS = new Set(['--batch-mode', '--key-file=-', '--test-passphrase', '--allow-discards'])

type Verb = (world: World, call: Invocation) => Promise<CommandResult>

const VERBS: Readonly<Record<string, Verb>> = {
  luksOpen: open,
  open: (world, call) => (call.options.has('--test-passphrase') ? testPassphrase(world, call) : open(world, call)),
  luksClose: close,
  close,
  luksFormat: format,
  luksUUID: setUuid,
  luksChangeKey: changeKey,
  convert,
  isLuks,
}

/**
 * `cryptsetup` 2.6.1, as far as it is called, with the exit codes and words that were measured of the real one: 1 wrong
 * parameters or no LUKS device, 2 no key fits, 4 nothing is there, 5 it is in use.
 */
export const simCryptsetup =
  (world: World): SimTool =>
  async (request, signal) => {
    if (request.args[0] === '--version') return says('cryptsetup 2.6.1 flags: UDEV BLKID KEYRING KERNEL_CAPI \n')
    const call = parse(request, signal)
    const verb = call && VERBS[call.verb]
    return call && verb ? await verb(world, call) : fails(1, "Try 'cryptsetup --help' for more information.")
  }

function parse({ args, input }: CommandRequest, signal: AbortSignal | undefined): Invocation | undefined {
  const options = new Map<string, string>()
  const words: string[] = []
  for (let index = 0; index < args.length; index++) {
    const word = args[index] ?? ''
    if (VALUED.has(word)) options.set(word, args[++index] ?? '')
    else if (FLAGS.has(word)) options.set(word, '')
    else if (word.startsWith('--')) return undefined
    else words.push(word)
  }
  const [verb = '', ...targets] = words
  return { verb, targets, options, input: input ?? new Uint8Array(), signal }
}

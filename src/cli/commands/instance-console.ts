import { ConsoleFilter } from '../console-filter.ts'
import { ConsoleLog } from '../console-log.ts'
import { argument, defineCommand, flag } from '../define.ts'
import { findInstance } from '../lookup.ts'

export const command = defineCommand({
  description:
    "Show what the guest wrote to its console. On a terminal the guest's control sequences are left out; a pipe or a " +
    'file gets every byte.',
  examples: [
    { command: 'holdfast instance console web-1', meaning: 'what it wrote so far' },
    { command: 'holdfast instance console web-1 --follow', meaning: 'and what it writes from now on, until Ctrl-C' },
  ],
  arguments: [argument('INSTANCE', 'name or id')],
  options: { follow: flag('--follow', 'go on until Ctrl-C') },
  async run(context, options, text) {
    const holdfast = await context.open('read')
    const { record } = await findInstance(holdfast, text)
    const filter = new ConsoleFilter()
    const { stdout } = context.io
    const emit = (bytes: Uint8Array) => stdout.write(context.io.isTty.stdout ? filter.push(bytes) : bytes)
    const log = new ConsoleLog(await holdfast.instances.consoleLog(record.id), emit)
    const closed = context.io.stdoutClosed
    const until = closed === undefined ? context.signal : AbortSignal.any([context.signal, closed])
    if (options.follow) await log.follow(until)
    else if (!(await log.read(until))) context.note(`instance ${record.name} has written nothing yet`)
  },
})

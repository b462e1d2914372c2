import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { createInterface } from 'node:readline'
import { GUEST_KERNEL_ARGUMENTS, type GuestImage } from './pack-guest.ts'

/** A guest that a test started with plain QEMU, with no libvirt between. */
export interface BootedGuest {
  /** All lines so far on its serial port, without their prefix. */
  readonly lines: readonly string[]
  /** QEMU's exit code. */
  readonly ended: Promise<number | null>
  /** Waits until the guest has said this. @throws Error if it ends first */
  line(text: string): Promise<void>
  /** One command of QEMU's monitor protocol. @throws Error with QEMU's answer if it refuses */
  monitor(command: string, argumentsOf?: object): Promise<void>
  kill(): Promise<void>
}

export interface BootOptions {
  readonly image: GuestImage
  /** Raw files by the serial that the guest shall see, at most 20 characters of it. */
  readonly disks: Readonly<Record<string, string>>
  /** More kernel arguments. */
  readonly words: string
  /** Path for the monitor's socket. */
  readonly socket: string
}

const PREFIX = 'holdfast-guest: '

/** Starts QEMU without KVM. The caller ends it by `kill`. */
export async function bootGuest(options: BootOptions): Promise<BootedGuest> {
  const qemu = spawn('qemu-system-x86_64', qemuArguments(options), { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve, reject) => {
    qemu.on('error', reject)
    qemu.on('close', resolve)
  })
  const console = new Lines(qemu)
  return {
    lines: console.all,
    ended,
    line: text => console.waitFor(text),
    monitor: (command, argumentsOf) => callMonitor(options.socket, command, argumentsOf),
    kill: async () => {
      qemu.kill('SIGKILL')
      await ended
    },
  }
}

function qemuArguments({ image, disks, words, socket }: BootOptions): string[] {
  const drives = Object.entries(disks).flatMap(([serial, path], index) => [
    '-blockdev',
    JSON.stringify({ driver: 'raw', 'node-name': `disk${index}`, file: { driver: 'file', filename: path } }),
    '-device',
    JSON.stringify({ driver: 'virtio-blk-pci', drive: `disk${index}`, serial: serial.slice(0, 20) }),
  ])
  return [
    ...['-machine', 'pc', '-accel', 'tcg', '-m', '128', '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-no-reboot', '-serial', 'stdio', '-qmp', `unix:${socket},server=on,wait=off`],
    ...['-kernel', image.kernel, '-initrd', image.initrd, '-append', `${GUEST_KERNEL_ARGUMENTS} ${words}`],
    ...drives,
  ]
}

/** The guest's lines as they come, and those who wait for one. */
class Lines {
  readonly all: string[] = []
  readonly #waiting = new Set<() => void>()
  #closed = false

  constructor(qemu: ChildProcess) {
    if (qemu.stdout === null) throw new Error('QEMU was started without a pipe for its console')
    const reader = createInterface({ input: qemu.stdout })
    reader.on('line', line => {
      if (line.startsWith(PREFIX)) this.all.push(line.slice(PREFIX.length).trimEnd())
      this.#wake()
    })
    reader.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  async waitFor(text: string): Promise<void> {
    while (!this.all.includes(text)) {
      if (this.#closed) throw new Error(`the guest ended without saying "${text}"; it said:\n${this.all.join('\n')}`)
      await new Promise<void>(resolve => this.#waiting.add(resolve))
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

async function callMonitor(path: string, command: string, argumentsOf: object = {}): Promise<void> {
  const socket = createConnection(path)
  await once(socket, 'connect')
  const answers = createInterface({ input: socket })
  try {
    socket.write(`${JSON.stringify({ execute: 'qmp_capabilities' })}\n`)
    socket.write(`${JSON.stringify({ execute: command, arguments: argumentsOf, id: command })}\n`)
    for await (const line of answers) {
      const answer = JSON.parse(line) as { id?: string; error?: unknown }
      if (answer.error !== undefined) throw new Error(`QEMU refused ${command}: ${line}`)
      if (answer.id === command) return
    }
    throw new Error(`QEMU hung up on ${command}`)
  } finally {
    socket.destroy()
  }
}

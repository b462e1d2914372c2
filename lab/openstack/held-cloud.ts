import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

/** A cloud that lives as long as we hold it; it goes also when we are killed. */
export interface HeldCloud {
  readonly dir: string
  /** Ends it and removes all of it. Fails if that leaves a process or a listening port. */
  stop(): Promise<void>
}

export interface HoldOptions {
  readonly ceph: boolean
  /** Program and arguments that come before those of the cloud; by default the cloud's own, which installs nothing. */
  readonly command?: readonly string[]
}

/** The cloud could not be held, or not be ended; `exitCode` is that of the command. */
export class HeldCloudError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Starts a cloud on free ports, in a folder of its own, and waits until it is ready. */
export async function holdCloud({ ceph, command = [process.execPath, MAIN, 'up'] }: HoldOptions): Promise<HeldCloud> {
  const [program = '', ...first] = command
  const args = [...first, '--hold', ...(ceph ? [] : ['--no-ceph'])]
  // In a session of its own: an interrupt of the terminal reaches us, and the cloud when we let go of it.
  const child = spawn(program, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  const holder = new Holder(child)
  return { dir: await holder.ready(), stop: () => holder.stop() }
}

class Holder {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #ended: Promise<number>
  #told = ''

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child
    child.stdin.on('error', () => {})
    child.stderr.on('data', (chunk: Buffer) => {
      this.#told += chunk
    })
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    child.once('error', reject).once('close', code => resolve(code ?? 1))
    this.#ended = promise
  }

  async ready(): Promise<string> {
    for await (const line of createInterface({ input: this.#child.stdout })) {
      if (!line.startsWith('ready ')) continue
      // Nobody reads what else it says, and it must not have to wait for that.
      this.#child.stdout.resume()
      return line.slice('ready '.length)
    }
    throw new HeldCloudError(`the cloud did not start\n${this.#told}`, await this.#ended)
  }

  async stop(): Promise<void> {
    this.#child.stdin.end()
    const exitCode = await this.#ended
    if (exitCode !== 0) throw new HeldCloudError(`the cloud did not end well\n${this.#told}`, exitCode)
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { CannotMeasure } from '../bench.ts'
import type { Cost, Work } from './worker.ts'

/** Debian's own Python, for which the clients are packaged. */
const PYTHON = '/usr/bin/python3'
const PACKAGES = '/usr/lib/python3/dist-packages'

/** Makes this environment's own say in Python, in OpenStack's clients and in Holdfast unsaid. */
export function scrubbed(): Readonly<Record<string, undefined>> {
  const names = Object.keys(process.env).filter(name => /^(PYTHON|OS_|HOLDFAST_)/.test(name))
  return Object.fromEntries(names.map(name => [name, undefined]))
}

export function needPackage(folder: string, name: string): void {
  if (!existsSync(join(PACKAGES, folder))) throw new CannotMeasure(`the package ${name} is not installed`)
}

/** The stub of a cloud with so many volumes, in a process of its own; it thinks so long before each answer. */
export async function openStub(count: number, thinksMs = 0): Promise<AsyncDisposable & { readonly origin: string }> {
  const { next, end } = await talkTo(process.execPath, [beside('stub.ts'), String(count), String(thinksMs)])
  return { origin: `http://127.0.0.1:${await next()}`, [Symbol.asyncDispose]: end }
}

/** A process that is measured. */
export interface Worker extends AsyncDisposable {
  do(work: Work): Promise<Cost>
}

/** Ready to work when it is returned. */
export async function openWorker(kind: 'ours' | 'bare' | 'peer', origin: string): Promise<Worker> {
  const { next, end, child } =
    kind === 'peer'
      ? await talkTo(PYTHON, [beside('peer.py'), `${origin}/identity/v3`])
      : await talkTo(process.execPath, [beside(`${kind}.ts`), origin])
  await next()
  const work = async (command: Work): Promise<Cost> => {
    child.stdin?.write(`${JSON.stringify(command)}\n`)
    return JSON.parse(await next())
  }
  return { do: work, [Symbol.asyncDispose]: end }
}

const beside = (file: string): string => join(import.meta.dirname, file)

interface Talk {
  readonly child: ChildProcess
  /** The next line that it prints. */
  next(): Promise<string>
  end(): Promise<void>
}

async function talkTo(program: string, args: readonly string[]): Promise<Talk> {
  const child = spawn(program, args, {
    env: { ...process.env, ...scrubbed() },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(child, 'spawn')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const line = await lines.next()
    if (line.done) throw new Error(`${program} ${args.join(' ')} ended`)
    return line.value
  }
  const end = async () => {
    const exit = child.exitCode === null ? once(child, 'exit') : undefined
    child.stdin.end()
    await exit
  }
  return { child, next, end }
}

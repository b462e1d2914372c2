import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, closeSync, ftruncateSync, openSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { runToEnd } from './measure.ts'
import { KEY_SIZE, VOLUME_BYTES } from './resume-volumes.ts'

/** Another way to bring up encrypted volumes; they were formatted its own way. */
export interface Peer extends AsyncDisposable {
  readonly name: string
  /** Attaches all its volumes from nothing, one after another; milliseconds of each. Then takes them down again. */
  attachAll(): Promise<readonly number[]>
}

/** Debian's own Python, for which os-brick is packaged. */
const PYTHON = '/usr/bin/python3'
const PACKAGE = '/usr/lib/python3/dist-packages/os_brick'

/** os-brick where it is installed, else the commands that it runs. */
export const openPeer = (folder: string, count: number): Promise<Peer> =>
  isThere(PACKAGE) ? osBrick(folder, count) : byHand(folder, count)

function isThere(path: string): boolean {
  try {
    accessSync(path)
    return true
  } catch {
    return false
  }
}

async function osBrick(folder: string, count: number): Promise<Peer> {
  const script = join(import.meta.dirname, 'resume-os-brick.py')
  const child = spawn(PYTHON, [script, folder, String(count), String(KEY_SIZE)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const line = await lines.next()
    if (line.done) throw new Error(`os-brick ended with ${child.exitCode}`)
    return line.value
  }
  await next()
  return {
    name: 'os-brick',
    attachAll: async () => {
      child.stdin.write('\n')
      return JSON.parse(await next())
    },
    [Symbol.asyncDispose]: async () => void child.stdin.end(),
  }
}

/** `cryptsetup` and `ln` as os-brick calls them. */
async function byHand(folder: string, count: number): Promise<Peer> {
  const input = randomBytes(32).toString('hex')
  const run = (...argv: [string, ...string[]]) => runToEnd({ argv, input }).stdout.trim()
  const names = Array.from({ length: count }, (_, n) => `peer-${n}`)
  const size = ['--cipher', 'aes-xts-plain64', '--key-size', String(KEY_SIZE)]
  for (const name of names) {
    const image = imageOf(folder, name)
    makeSparse(image)
    run('cryptsetup', '--batch-mode', 'luksFormat', '--type', 'luks2', '--key-file=-', ...size, image)
  }
  const attach = (name: string): string => {
    const device = run('losetup', '--find', '--show', imageOf(folder, name))
    symlinkSync(device, join(folder, name))
    run('cryptsetup', 'luksOpen', '--key-file=-', device, `crypt-${name}`)
    run('ln', '--symbolic', '--force', `/dev/mapper/crypt-${name}`, join(folder, name))
    return device
  }
  const detach = (name: string, device: string): void => {
    run('cryptsetup', 'luksClose', `crypt-${name}`)
    run('losetup', '--detach', device)
    unlinkSync(join(folder, name))
  }
  const timed = (name: string) => {
    const begun = performance.now()
    const device = attach(name)
    return { name, device, ms: performance.now() - begun }
  }
  const attachAll = async () => {
    const done = names.map(timed)
    for (const { name, device } of done) detach(name, device)
    return done.map(({ ms }) => ms)
  }
  return { name: 'the commands that os-brick runs', attachAll, [Symbol.asyncDispose]: async () => {} }
}

const imageOf = (folder: string, name: string): string => join(folder, `${name}.img`)

function makeSparse(path: string): void {
  const file = openSync(path, 'wx', 0o600)
  ftruncateSync(file, VOLUME_BYTES)
  closeSync(file)
}

/** What `cryptsetup` chose for each of the peer's volumes on this machine. */
export function derivationsOf(folder: string, count: number): string {
  const each = Array.from({ length: count }, (_, n) => {
    const argv = ['cryptsetup', 'luksDump', '--dump-json-metadata', imageOf(folder, `peer-${n}`)] as const
    const { kdf } = JSON.parse(runToEnd({ argv }).stdout).keyslots['0']
    return `${kdf.type}, time ${kdf.time}, memory ${Math.round(kdf.memory / 1024)} MiB, ${kdf.cpus} threads`
  })
  return [...new Set(each)].join('; ')
}

import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

export const UNITS = fileURLToPath(new URL('../../packaging/systemd/', import.meta.url))

/** A setting of a unit file: `Service.ExecStart`, every line that gives it a value, in order. */
export type Unit = ReadonlyMap<string, readonly string[]>

export function parseUnit(text: string): Unit {
  const unit = new Map<string, string[]>()
  let section = ''
  for (const line of text.split('\n').map(one => one.trim())) {
    if (line === '' || line.startsWith('#')) continue
    const [, head] = /^\[(\w+)\]$/.exec(line) ?? []
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (head !== undefined) section = head
    else if (key === undefined || value === undefined) throw new Error(`not a line of a unit file: ${line}`)
    else unit.set(`${section}.${key}`, [...(unit.get(`${section}.${key}`) ?? []), value])
  }
  return unit
}

export const unitNames = async (): Promise<readonly string[]> => (await readdir(UNITS)).sort()

export const readUnit = async (name: string): Promise<Unit> => parseUnit(await readFile(`${UNITS}${name}`, 'utf8'))

/** The words of all its lines. */
export const words = (unit: Unit, key: string): readonly string[] =>
  (unit.get(key) ?? []).flatMap(value => value.split(/\s+/))

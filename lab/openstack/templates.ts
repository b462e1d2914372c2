import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const TEMPLATES = fileURLToPath(new URL('./config/', import.meta.url))

export type Values = Readonly<Record<string, string | number>>

/** The text of `config/<name>` with a value in place of each `{{word}}`. */
export async function render(name: string, values: Values): Promise<string> {
  const template = await readFile(join(TEMPLATES, name), 'utf8')
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, word: string) => {
    const value = values[word]
    if (value === undefined) throw new Error(`${name} wants a value for ${word}`)
    return String(value)
  })
}

/** Writes a configuration to `path` unless that is what it says already, and returns it. */
export async function writeConfiguration(path: string, text: string): Promise<string> {
  const found = await readFile(path, 'utf8').catch(() => undefined)
  if (found === text) return text
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  return text
}

/** A rendered template as configuration at `path`. */
export const renderTo = async (path: string, name: string, values: Values): Promise<string> =>
  await writeConfiguration(path, await render(name, values))

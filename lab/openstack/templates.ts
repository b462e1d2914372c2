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

/** Writes it to `path`, and returns the text. */
export async function renderTo(path: string, name: string, values: Values): Promise<string> {
  const text = await render(name, values)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  return text
}

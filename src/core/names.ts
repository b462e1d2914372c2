import { HoldfastError } from './error.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

export const isUuid = (text: string): boolean => UUID.test(text)

/**
 * A name for a volume, snapshot, type or instance: 1 to 63 characters, letters, digits, `.`, `_`, `-`, beginning with a
 * letter or digit. So it is safe in a path, in XML and on a terminal, and never looks like an option.
 * @throws HoldfastError `invalid-name`
 */
export function checkName(what: string, name: string): string {
  if (NAME.test(name)) return name
  const shown = JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name)
  throw new HoldfastError('invalid-input', 'invalid-name', `${what} ${shown} is not a valid name`, {
    details: { hint: "use 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit" },
  })
}

/** @throws HoldfastError `invalid-id` if the text is not a lower-case UUID. */
export function checkUuid(what: string, id: string): string {
  if (isUuid(id)) return id
  throw new HoldfastError('invalid-input', 'invalid-id', `${what} ${JSON.stringify(id.slice(0, 60))} is not a UUID`)
}

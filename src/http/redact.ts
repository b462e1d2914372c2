/** What stands in the place of a secret. */
const HIDDEN = '[secret]'

/** Shorter ones are no secrets, and would be found in anything. */
const SHORTEST = 4

/**
 * `text` without these secrets: for what a server, or a proxy before it, sends back of a request (its headers on an error page, a
 * field that it does not like).
 */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  const longestFirst = secrets.filter(({ length }) => length >= SHORTEST).toSorted((a, b) => b.length - a.length)
  return longestFirst.reduce((hidden, secret) => formsOf(secret).reduce(without, hidden), text)
}

const without = (text: string, form: string): string => text.replaceAll(form, HIDDEN)

/** As it is, within JSON, within an address, within HTML. */
const formsOf = (secret: string): readonly string[] => [
  ...new Set([
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
  ]),
]

/** An address without what may be secret in it: user and password, query and fragment. */
export const plainUrl = (url: string): string =>
  url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1').replace(/[?#].*$/s, '')

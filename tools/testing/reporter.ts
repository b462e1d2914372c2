import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import type { TestLine } from './report.ts'

/** A reporter for `node --test`: one JSON line for each test that ended, for `readReport`. */
export default async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    const line = lineOf(event)
    if (line !== undefined) yield `${JSON.stringify(line)}\n`
  }
}

function lineOf(event: TestEvent): TestLine | undefined {
  if (event.type !== 'test:pass' && event.type !== 'test:fail') return undefined
  const { name, file = '', line = 0, skip, todo, details } = event.data
  const at = { name, file: relative(process.cwd(), file), line, ms: Math.round(details.duration_ms) }
  const because = skip ?? todo
  if (because !== undefined && because !== false) return { ...at, outcome: 'skipped', reason: reasonOf(because) }
  if (event.type === 'test:pass') return details.type === 'suite' ? undefined : { ...at, outcome: 'passed' }
  return isEcho(event.data.details.error)
    ? undefined
    : { ...at, outcome: 'failed', reason: textOf(event.data.details.error) }
}

const reasonOf = (value: string | boolean): string =>
  typeof value === 'string' && value !== '' ? value : 'no reason given'

/** A suite, or a test with tests in it, that failed only for what is in it: that has a line of its own. */
const isEcho = (error: unknown): boolean =>
  error instanceof Error && 'failureType' in error && error.failureType === 'subtestsFailed'

function textOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}

import type { StepProgress } from '#src/engine/api.ts'
import type { Stage } from './life.ts'

const WIDTH = 64
const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`

/** Prints the life as a tree: each act, the steps of its operation below it, and the time that each took. */
export class Tree implements Stage {
  readonly #write: (text: string) => void
  readonly #colour: boolean
  readonly #times: { readonly title: string; readonly ms: number }[] = []

  constructor(write: (text: string) => void, colour: boolean) {
    this.#write = write
    this.#colour = colour
  }

  async act<T>(title: string, work: () => Promise<T>): Promise<T> {
    this.#line(this.#bold(title))
    const begun = performance.now()
    try {
      const result = await work()
      const ms = performance.now() - begun
      this.#times.push({ title, ms })
      this.#line(`${`  └ ${this.#green('done')}`.padEnd(this.#colour ? WIDTH + 9 : WIDTH)} ${seconds(ms)}`)
      return result
    } catch (error) {
      this.#line(`  └ ${this.#red('failed')} after ${seconds(performance.now() - begun)}`)
      throw error
    }
  }

  note(text: string): void {
    this.#line(`  ├ ${text}`)
  }

  readonly observer = ({ title, outcome }: StepProgress): void => {
    if (!('ms' in outcome)) return
    const failed = outcome.state === 'failed' || outcome.state === 'undo-failed'
    const mark = failed ? this.#red('✘') : outcome.state === 'undone' ? '↺' : '✔'
    const note = 'change' in outcome && outcome.change === 'already' ? ' (already so)' : ''
    this.#line(`${`  ├ ${mark} ${title}${note}`.padEnd(WIDTH)} ${seconds(outcome.ms)}`)
  }

  /** The acts once more, with their times and the whole. */
  summary(): void {
    for (const { title, ms } of this.#times) this.#line(`  ${title.padEnd(WIDTH - 2)} ${seconds(ms)}`)
    const total = this.#times.reduce((sum, { ms }) => sum + ms, 0)
    this.#line(`  ${'together'.padEnd(WIDTH - 2)} ${seconds(total)}`)
  }

  #line(text: string): void {
    this.#write(`${text}\n`)
  }

  readonly #bold = (text: string) => this.#paint(1, text)
  readonly #green = (text: string) => this.#paint(32, text)
  readonly #red = (text: string) => this.#paint(31, text)
  readonly #paint = (code: number, text: string) => (this.#colour ? `\u001b[${code}m${text}\u001b[0m` : text)
}

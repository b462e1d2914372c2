import type { Clock } from '#src/core/clock.ts'
import { formatMs } from '#src/core/deadline.ts'
import type { Observer, StepProgress } from '#src/engine/api.ts'
import type { Sink } from './io.ts'
import type { Paint } from './style.ts'
import { clip, safeText } from './terminal-text.ts'

export interface Progress {
  readonly observer: Observer
  /** For stderr. */
  readonly paint: Paint
  /** Runs work that tells nothing while it goes on; shows the title if it takes over a second. */
  during<T>(title: string, work: Promise<T>): Promise<T>
  /** A whole line, never torn by the live one. */
  line(text: string): void
  /** Takes the live line away. */
  settle(): void
}

const CLEAR_LINE = '\r\u001b[2K'
const SHOW_AFTER_MS = 1000

/** `0.02 s` below a minute, `1.5 min` above. */
export const seconds = (ms: number): string => (ms < 120_000 ? `${(ms / 1000).toFixed(2)} s` : formatMs(ms))

export interface ProgressParts {
  readonly stderr: Sink
  /** A live line may be drawn: stderr is a terminal that can clear lines. */
  readonly live: boolean
  readonly quiet: boolean
  readonly paint: Paint
  readonly clock: Clock
}

/** Steps as they end, one a line; on a terminal a last line with what is running now. */
export class StepPrinter implements Progress {
  readonly #parts: ProgressParts
  /** What runs now: key to title and start, by `clock.monotonic`. */
  readonly #running = new Map<string, { title: string; since: number }>()
  #drawn = false
  #timer: AbortController | undefined

  constructor(parts: ProgressParts) {
    this.#parts = parts
  }

  get paint(): Paint {
    return this.#parts.paint
  }

  readonly observer: Observer = progress => {
    const key = `${progress.operationId}/${progress.step}`
    const { outcome } = progress
    if (outcome.state === 'started' || outcome.state === 'undo-started') {
      this.#begin(key, outcome.state === 'started' ? progress.title : `undo: ${progress.title}`)
      return
    }
    this.#running.delete(key)
    this.line(ended(progress, this.#parts.paint))
    if (this.#running.size === 0) this.settle()
  }

  async during<T>(title: string, work: Promise<T>): Promise<T> {
    const key = `during/${title}`
    const since = this.#parts.clock.monotonic()
    this.#begin(key, title)
    const late = this.#plainAfterASecond(title)
    try {
      const value = await work
      this.#running.delete(key)
      const ms = this.#parts.clock.monotonic() - since
      if (ms >= SHOW_AFTER_MS) this.line(`${this.#parts.paint('green', '✔')} ${safeText(title)} ${seconds(ms)}`)
      return value
    } finally {
      late.abort()
      this.#running.delete(key)
      this.settle()
    }
  }

  line(text: string): void {
    if (this.#parts.quiet) return
    this.#erase()
    this.#parts.stderr.write(`${text}\n`)
    this.#draw()
  }

  settle(): void {
    this.#erase()
    this.#timer?.abort()
    this.#timer = undefined
  }

  #begin(key: string, title: string): void {
    this.#running.set(key, { title: safeText(title), since: this.#parts.clock.monotonic() })
    if (!this.#parts.live || this.#parts.quiet) return
    this.#erase()
    this.#draw()
    this.#tick()
  }

  /** Draws anew every second, so that waiting is seen to be waiting. */
  #tick(): void {
    if (this.#timer !== undefined) return
    const timer = new AbortController()
    this.#timer = timer
    const next = () => {
      if (timer.signal.aborted) return
      this.#erase()
      this.#draw()
      wait()
    }
    const wait = () => this.#parts.clock.sleep(SHOW_AFTER_MS, timer.signal).then(next, () => undefined)
    wait()
  }

  #plainAfterASecond(title: string): AbortController {
    const cancel = new AbortController()
    const show = () => this.line(`${safeText(title)} …`)
    if (!this.#parts.live) this.#parts.clock.sleep(SHOW_AFTER_MS, cancel.signal).then(show, () => undefined)
    return cancel
  }

  #erase(): void {
    if (this.#drawn) this.#parts.stderr.write(CLEAR_LINE)
    this.#drawn = false
  }

  #draw(): void {
    if (!this.#parts.live || this.#parts.quiet || this.#running.size === 0) return
    const now = this.#parts.clock.monotonic()
    const entries = [...this.#running.values()]
    const longest = Math.max(...entries.map(({ since }) => now - since))
    const waiting = longest >= SHOW_AFTER_MS ? ` ${Math.floor(longest / 1000)} s` : ''
    const text = `… ${entries.map(({ title }) => title).join(', ')}`
    const columns = (this.#parts.stderr.columns ?? 80) - 1
    this.#parts.stderr.write(this.#parts.paint('dim', `${clip(text, columns - waiting.length)}${waiting}`))
    this.#drawn = true
  }
}

/** `✔ unlock volume data-1 (dm-crypt) 0.02 s` */
function ended(progress: StepProgress, paint: Paint): string {
  const title = safeText(progress.title)
  const { outcome } = progress
  switch (outcome.state) {
    case 'done':
      return `${paint('green', '✔')} ${title} ${outcome.change === 'already' ? 'already so ' : ''}${seconds(outcome.ms)}`
    case 'undone':
      return `${paint('yellow', '↩')} undone: ${title} ${seconds(outcome.ms)}`
    case 'failed':
    case 'undo-failed':
      return `${paint('red', '✘')} ${outcome.state === 'failed' ? '' : 'undo: '}${title}: ${safeText(outcome.message)}`
    default:
      return title
  }
}

/** Applies `work` to every item, at most `bound` at a time; waits for all and gives every outcome in order. */
export async function mapSettled<T, R>(
  items: readonly T[],
  bound: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  const results: PromiseSettledResult<R>[] = new Array(items.length)
  let next = 0
  const lane = async () => {
    while (next < items.length) {
      const index = next++
      try {
        results[index] = { status: 'fulfilled', value: await work(items[index] as T, index) }
      } catch (reason) {
        results[index] = { status: 'rejected', reason }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, Math.min(bound, items.length)) }, lane))
  return results
}

/** One at a time for each key, in the order of asking (I7). Different keys never wait for each other. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>()

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#tails.set(key, promise)
    await before
    try {
      return await work()
    } finally {
      if (this.#tails.get(key) === promise) this.#tails.delete(key)
      resolve()
    }
  }

  /** Holds all the keys; they are taken in sorted order, so two callers never wait for each other in a ring. */
  async runAll<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const [first, ...rest] = [...new Set(keys)].sort()
    if (first === undefined) return await work()
    return await this.run(first, () => this.runAll(rest, work))
  }
}

/**
 * One answer for all who ask at the same time: whoever asks before `read` begins shares what it gives; whoever asks while it
 * runs may have changed something since, and shares the next. The answer is never older than the question.
 */
export class SharedRead<T> {
  readonly #read: () => Promise<T>
  #running: Promise<unknown> = Promise.resolve()
  #next: Promise<T> | undefined

  constructor(read: () => Promise<T>) {
    this.#read = read
  }

  get(): Promise<T> {
    this.#next ??= this.#running.then(() => {
      const reading = this.#read()
      this.#next = undefined
      this.#running = reading.catch(() => {})
      return reading
    })
    return this.#next
  }
}

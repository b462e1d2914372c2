export interface Stored {
  readonly project: string
  payload: Uint8Array | undefined
  facts: Record<string, unknown>
  consumers: Record<string, unknown>[]
}

/** What the fake server holds; shared by all its clients. */
export class FakeBarbican {
  readonly secrets = new Map<string, Stored>()
  readonly orders = new Map<string, { readonly meta: Record<string, unknown>; secretId?: string; looks: number }>()
  /** Of every page, whatever is asked for. */
  largestPage = 100
  /** After so many looks an order is done. */
  orderLooks = 0
  /** Orders end so instead. */
  orderError: string | undefined
  microversions = true
  #count = 0

  /** Unlike one another, and no secret. */
  nextId(): string {
    this.#count += 1
    return `00000000-0000-4000-8000-${this.#count.toString(16).padStart(12, '0')}`
  }
}

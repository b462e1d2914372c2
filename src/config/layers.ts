import { HoldfastError } from '#src/core/error.ts'
import type { FieldValue } from './field.ts'
import { FIELDS } from './fields.ts'

/** Values by key, the last layer first, then the table's default. */
export class Layers {
  readonly #layers: readonly ReadonlyMap<string, FieldValue>[]

  constructor(layers: readonly ReadonlyMap<string, FieldValue>[]) {
    const defaults = FIELDS.flatMap(({ key, fallback }) => (fallback === undefined ? [] : [[key, fallback] as const]))
    this.#layers = [new Map(defaults), ...layers]
  }

  #get(key: string): FieldValue | undefined {
    return this.#layers.findLast(layer => layer.has(key))?.get(key)
  }

  text(key: string): string | undefined {
    const value = this.#get(key)
    return typeof value === 'string' ? value : undefined
  }

  needText(key: string): string {
    return this.text(key) ?? lacking(key)
  }

  needBoolean(key: string): boolean {
    const value = this.#get(key)
    return typeof value === 'boolean' ? value : lacking(key)
  }

  integer(key: string): number | undefined {
    const value = this.#get(key)
    return typeof value === 'number' ? value : undefined
  }

  needInteger(key: string): number {
    return this.integer(key) ?? lacking(key)
  }
}

function lacking(key: string): never {
  throw new HoldfastError('internal', 'internal', `configuration field ${key} has no value of its type`)
}

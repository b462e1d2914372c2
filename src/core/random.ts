import { randomBytes, randomUUID } from 'node:crypto'

/** Randomness as a port: the simulated host gives a seeded one. */
export interface Random {
  uuid(): string
  bytes(count: number): Uint8Array
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  bytes: count => new Uint8Array(randomBytes(count)),
}

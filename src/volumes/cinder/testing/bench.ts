import type { Clock } from '#src/core/clock.ts'
import type { Sealer } from '#src/core/sealer.ts'
import { Secret } from '#src/core/secret.ts'
import { type Answers, ScriptedClient } from '#src/openstack/cinder/testing/scripted-client.ts'
import { CinderVolumeService } from '../cinder-volume-service.ts'
import type { CinderVolumeOptions } from '../settings.ts'

export const VOLUME = '75950be6-6a6e-4d97-913b-04237f61730d'
export const ATTACHMENT = 'ca03367e-16fc-41a8-bfa5-d2647ca43837'
export const SNAPSHOT = '38305316-148c-4700-8f8e-e4905a99d0b0'
export const INSTANCE = '5e71e5a0-0000-4000-8000-000000000001'
export const HOST_NAME = 'compute-1'
export const CONNECTOR = { host: HOST_NAME, multipath: false, platform: 'x86_64', os_type: 'linux' } as const

/** Time that passes only where somebody sleeps. */
export class PassingClock implements Clock {
  readonly slept: number[] = []

  now(): number {
    return this.monotonic()
  }

  monotonic(): number {
    return this.slept.reduce((sum, ms) => sum + ms, 0)
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.slept.push(ms)
  }
}

export const openSealer: Sealer = {
  seal: async (secret, context) => `sealed:v1:${context}:${Buffer.from(secret.reveal()).toString('hex')}`,
  open: async (sealed, context) => new Secret(Buffer.from(sealed.slice(`sealed:v1:${context}:`.length), 'hex')),
}

/** A volume service over a scripted client. */
export function bench(answers: Answers, more: Partial<CinderVolumeOptions> = {}) {
  const client = new ScriptedClient(answers)
  const clock = new PassingClock()
  const random = { uuid: () => '00000000-0000-4000-8000-00000000000a', bytes: (count: number) => new Uint8Array(count) }
  const options = { client, host: { clock, random }, hostName: HOST_NAME, sealer: openSealer, ...more }
  return { service: new CinderVolumeService(options), client, clock }
}

import type { OpenHoldfast } from '../io.ts'
import { fakeHoldfast, fakeState, instance } from './fake-holdfast.ts'
import { fakeHostState, finding, hostCheck } from './fake-host.ts'

/**
 * Stands in for the library's face in a real process: one instance, whose log is `FAKE_CONSOLE_LOG`, and one finding of the
 * first check. Starting it tells
 * one step and then waits: for the signal, or with `FAKE_DEAF` for ever.
 */
export const openHoldfast: OpenHoldfast = async () => {
  const state = fakeState({
    instances: [instance()],
    consoleLog: process.env.FAKE_CONSOLE_LOG ?? '',
    host: fakeHostState({ checks: [hostCheck({ findings: [finding()] }), hostCheck()] }),
  })
  const step = {
    operationId: 'c1',
    operation: 'start',
    instance: 'web-1',
    step: 1,
    action: 'connect',
    subject: 'a1',
    title: 'begun',
  } as const
  state.work = async (kind, { signal, observer }) => {
    if (kind.startsWith('host-')) return undefined
    return new Promise((_, reject) => {
      const keepAlive = setInterval(() => undefined, 1000)
      observer?.({ ...step, outcome: { state: 'done', change: 'made', ms: 0 } })
      if (process.env.FAKE_DEAF) return
      signal?.addEventListener('abort', () => {
        clearInterval(keepAlive)
        reject(signal.reason)
      })
    })
  }
  return fakeHoldfast(state)
}

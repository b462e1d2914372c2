import { KeyedLock } from '#src/core/concurrency.ts'
import type { Connection } from './connection.ts'
import { LibvirtConnectionError } from './errors.ts'
import { type EventMessage, type EventName, events } from './protocol.ts'

export type EventListener<N extends EventName> = (message: EventMessage<N>) => void

/** A listener that is registered. */
export interface Subscription extends AsyncDisposable {
  /** From now on the listener gets nothing. Resolves once libvirt knows; a connection that is gone is no error. */
  close(): Promise<void>
}

/** What happened to the connection: events may have been missed between `lost` and `reconnected`. */
export type ConnectionChange =
  | { readonly kind: 'lost'; readonly error: LibvirtConnectionError }
  | { readonly kind: 'reconnected' }

export type ConnectionListener = (change: ConnectionChange) => void

/**
 * Who listens to what. Each kind of event is registered at most once per connection and for all domains, whatever the
 * number of listeners; so a message needs no callback id to be routed, and one that overtakes the reply to its own
 * registration is not lost.
 */
export class EventHub {
  readonly #listeners = new Map<EventName, Set<EventListener<EventName>>>()
  readonly #connectionListeners = new Set<ConnectionListener>()
  /** Callback ids by kind, for each connection that stood. */
  readonly #registered = new WeakMap<Connection, Map<EventName, number>>()
  readonly #locks = new KeyedLock()

  /** Adds the listener, then registers the kind on the connection that `ready` gives. */
  async add<N extends EventName>(
    name: N,
    listener: EventListener<N>,
    deadlineMs: number,
    ready: () => Promise<Connection>,
  ): Promise<void> {
    const set = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, set.add(listener as EventListener<EventName>))
    try {
      await this.#locks.run(name, async () => this.#register(await ready(), name, deadlineMs))
    } catch (error) {
      set.delete(listener as EventListener<EventName>)
      throw error
    }
  }

  /** Takes the listener away; the last one of its kind ends the registration on this connection. */
  async remove<N extends EventName>(
    name: N,
    listener: EventListener<N>,
    deadlineMs: number,
    connection: Connection | undefined,
  ): Promise<void> {
    this.#listeners.get(name)?.delete(listener as EventListener<EventName>)
    if (connection === undefined) return
    await this.#locks.run(name, () => this.#deregister(connection, name, deadlineMs))
  }

  /** Registers on a new connection every kind that has a listener. */
  async registerAll(connection: Connection, deadlineMs: number): Promise<void> {
    for (const [name, listeners] of this.#listeners) {
      if (listeners.size > 0) await this.#register(connection, name, deadlineMs)
    }
  }

  addConnectionListener(listener: ConnectionListener): () => void {
    this.#connectionListeners.add(listener)
    return () => void this.#connectionListeners.delete(listener)
  }

  deliver<N extends EventName>(name: N, message: EventMessage<N>): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) guarded(() => listener(message))
  }

  tell(change: ConnectionChange): void {
    for (const listener of [...this.#connectionListeners]) guarded(() => listener(change))
  }

  async #register(connection: Connection, name: EventName, deadlineMs: number): Promise<void> {
    const registered = this.#registered.get(connection) ?? new Map<EventName, number>()
    this.#registered.set(connection, registered)
    if (registered.has(name)) return
    const args = { eventID: events[name].eventID, dom: undefined }
    const { callbackID } = await connection.call('connectDomainEventCallbackRegisterAny', args, { deadlineMs })
    registered.set(name, callbackID)
  }

  async #deregister(connection: Connection, name: EventName, deadlineMs: number): Promise<void> {
    const registered = this.#registered.get(connection)
    const callbackID = registered?.get(name)
    if (callbackID === undefined || (this.#listeners.get(name)?.size ?? 0) > 0) return
    registered?.delete(name)
    try {
      await connection.call('connectDomainEventCallbackDeregisterAny', { callbackID }, { deadlineMs })
    } catch (error) {
      if (!(error instanceof LibvirtConnectionError) || error.reason === 'timeout') throw error
    }
  }
}

/** A listener that throws is a defect of its owner: it surfaces as an uncaught error and harms nobody else. */
function guarded(work: () => void): void {
  try {
    work()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

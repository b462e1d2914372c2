import type { Libvirt, Subscription } from '#src/libvirt/index.ts'

/** What libvirt told of one domain. */
export type DomainEvent =
  | { readonly kind: 'lifecycle' | 'reboot' }
  | { readonly kind: 'device-removed' | 'device-removal-failed'; readonly alias: string }
  /** The connection ended or stands again: events may have been missed, look at the state. */
  | { readonly kind: 'gap' }

type Listener = (event: DomainEvent) => void

/** libvirt's events by domain. Registered at the first listener and from then on for as long as the client lives. */
export class DomainEvents {
  readonly #libvirt: Libvirt
  readonly #listeners = new Map<string, Set<Listener>>()
  #ready: Promise<readonly Subscription[]> | undefined

  constructor(libvirt: Libvirt) {
    this.#libvirt = libvirt
    libvirt.onConnection(() => this.#tellAll())
  }

  /** Resolves once libvirt knows that we listen: what is requested afterwards cannot be missed. Returns how to stop. */
  async listen(id: string, listener: Listener, signal: AbortSignal): Promise<() => void> {
    const set = this.#listeners.get(id) ?? new Set()
    this.#listeners.set(id, set.add(listener))
    const stop = () => {
      set.delete(listener)
      if (set.size === 0 && this.#listeners.get(id) === set) this.#listeners.delete(id)
    }
    try {
      signal.throwIfAborted()
      await this.#register()
      return stop
    } catch (error) {
      stop()
      throw error
    }
  }

  #register(): Promise<readonly Subscription[]> {
    this.#ready ??= Promise.all([
      this.#libvirt.subscribe('lifecycle', ({ dom }) => this.#tell(dom.uuid, { kind: 'lifecycle' })),
      this.#libvirt.subscribe('reboot', ({ dom }) => this.#tell(dom.uuid, { kind: 'reboot' })),
      this.#libvirt.subscribe('deviceRemoved', ({ dom, devAlias }) =>
        this.#tell(dom.uuid, { kind: 'device-removed', alias: devAlias }),
      ),
      this.#libvirt.subscribe('deviceRemovalFailed', ({ dom, devAlias }) =>
        this.#tell(dom.uuid, { kind: 'device-removal-failed', alias: devAlias }),
      ),
    ]).catch(error => {
      this.#ready = undefined
      throw error
    })
    return this.#ready
  }

  #tell(id: string, event: DomainEvent): void {
    for (const listener of [...(this.#listeners.get(id) ?? [])]) listener(event)
  }

  #tellAll(): void {
    for (const id of [...this.#listeners.keys()]) this.#tell(id, { kind: 'gap' })
  }
}

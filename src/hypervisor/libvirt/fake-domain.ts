import { Failure, FakeLibvirtd } from '#src/libvirt/fake-server.ts'
import { DomainEvent, type EventName, DomainState as State } from '#src/libvirt/index.ts'
import { METADATA_NAMESPACE } from './domain-xml.ts'
import { writeXml } from './xml.ts'

export const ID = '11111111-2222-4333-8444-555555555555'
export const VOLUME = 'aaaaaaaa-2222-4333-8444-555555555555'
export const ALIAS = `ua-${VOLUME}`

/** Test support: a libvirtd with one domain of ours, for answers that a real one gives only when something breaks. */
export class FakeDomain implements AsyncDisposable {
  readonly server: FakeLibvirtd
  state: number = State.RUNNING
  reason = 0
  /** Of the run; -1 while off. */
  run = 1
  liveDisk = true
  persistentDisk = true
  /** Without it the disk is known by its serial only. */
  alias = true
  tpm = false
  /** Answered instead of the domain's XML. */
  xml: string | undefined

  constructor(server: FakeLibvirtd) {
    this.server = server
    const dom = () => ({ name: 'one', uuid: ID, id: this.run })
    Object.assign(server.handlers, {
      domainLookupByUUID: () => ({ dom: dom() }),
      domainGetState: () => ({ state: this.state, reason: this.reason }),
      domainIsPersistent: () => ({ persistent: true }),
      domainGetXMLDesc: ({ flags }: { flags: number }) => ({
        xml: this.xml ?? this.#describe(flags === 0 && this.run >= 0),
      }),
    })
  }

  static async start(): Promise<FakeDomain> {
    return new FakeDomain(await FakeLibvirtd.start())
  }

  off(): void {
    this.state = State.SHUTOFF
    this.run = -1
  }

  /** Tells the latest client. */
  tell(event: Exclude<EventName, 'lifecycle' | 'blockJob2'>): void {
    const dom = { name: 'one', uuid: ID, id: this.run }
    if (event === 'reboot') this.server.peer.event(event, { callbackID: 1, dom })
    else this.server.peer.event(event, { callbackID: 1, dom, devAlias: ALIAS })
  }

  tellLifecycle(): void {
    const dom = { name: 'one', uuid: ID, id: this.run }
    this.server.peer.event('lifecycle', { callbackID: 1, dom, event: DomainEvent.STOPPED, detail: 0 })
  }

  #describe(live: boolean): string {
    const disk = {
      '@type': 'file',
      source: { '@file': '/pool/a' },
      target: { '@dev': 'vda' },
      serial: VOLUME,
      alias: this.alias ? { '@name': ALIAS } : undefined,
    }
    return writeXml('domain', {
      '@id': live ? this.run : undefined,
      name: 'one',
      uuid: ID,
      metadata: { 'h:instance': { '@xmlns:h': METADATA_NAMESPACE, '@id': ID } },
      devices: {
        tpm: this.tpm ? { '@model': 'tpm-crb' } : undefined,
        disk: (live ? this.liveDisk : this.persistentDisk) ? disk : undefined,
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
  }
}

export { Failure }

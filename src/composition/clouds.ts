import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Sealer } from '#src/core/sealer.ts'
import type { VolumeServices } from '#src/engine/parts.ts'
import type { CloudOperations, CloudStatus } from '#src/holdfast.ts'
import type { Host } from '#src/host/host.ts'
import type { CinderVolumeService } from '#src/volumes/cinder/cinder-volume-service.ts'
import { cloudKeys } from './cloud-keys.ts'
import { type CloudLogin, openSession } from './cloud-session.ts'
import { lazily, lazyVolumes, once } from './lazy.ts'

export interface CloudsNeeds {
  readonly mode: 'read' | 'write'
  readonly host: Host
  readonly config: HoldfastConfig
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly sealer: Sealer
  readonly onNote: (note: string) => void
  /** Called when the state is closed. */
  readonly onClose: (closer: () => Promise<void>) => void
}

/** The clouds that this process works with, each logged in to when it is first asked. */
export class Clouds implements CloudOperations {
  readonly #needs: CloudsNeeds
  readonly #open = new Map<string, () => Promise<Opened>>()

  constructor(needs: CloudsNeeds) {
    this.#needs = needs
  }

  /** Nothing is read or asked before a verb is called. */
  services(name: string): VolumeServices {
    const open = this.#opener(name)
    return {
      volumes: lazyVolumes(async () => (await open()).volumes),
      keys: lazily(async () => cloudKeys(this.#needs, (await open()).login)),
    }
  }

  async check(signal?: AbortSignal): Promise<CloudStatus> {
    const name = this.#needs.config.cloud.name
    if (name === undefined) {
      throw new HoldfastError(
        'invalid-input',
        'no-cloud',
        'no cloud is chosen: the embedded volume service is in use',
        {
          details: { hint: 'give --cloud NAME, or configure cloud.name' },
        },
      )
    }
    const { login, volumes } = await this.#opener(name)()
    const { checkCloud } = await import('./cloud-check.ts')
    const keys = await cloudKeys(this.#needs, login)
    return await checkCloud({ ...this.#needs, name, login, volumes, keys }, signal)
  }

  async messagesOf(volumeId: string, signal?: AbortSignal): Promise<readonly string[]> {
    const name = this.#needs.config.cloud.name
    if (name === undefined) return []
    return await (await this.#opener(name)()).volumes.userMessages(volumeId, signal)
  }

  #opener(name: string): () => Promise<Opened> {
    const known = this.#open.get(name)
    if (known) return known
    const opener = once(() => openCloudServices(this.#needs, name))
    this.#open.set(name, opener)
    return opener
  }
}

interface Opened {
  readonly login: CloudLogin
  readonly volumes: CinderVolumeService
}

async function openCloudServices(needs: CloudsNeeds, name: string): Promise<Opened> {
  const { host, config, sealer } = needs
  const [login, { CinderVolumeService }] = await Promise.all([
    openSession(needs, name),
    import('#src/volumes/cinder/cinder-volume-service.ts'),
  ])
  const volumes = new CinderVolumeService({
    client: login.session.client('block-storage'),
    host,
    hostName: config.hostName,
    sealer,
    attachments: config.cloud.attachments,
    rbdPools: config.cloud.rbdPools,
    // Where volumes may not cross zones, new ones are made in this host's (Nova `cross_az_attach`).
    availabilityZone: config.crossZoneAttach ? undefined : config.availabilityZone,
    attachmentDeadlineMs: config.deadlines.attachments * 1000,
  })
  return { login, volumes }
}

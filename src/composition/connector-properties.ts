import { arch, machine, platform } from 'node:os'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import type { ConnectorProperties } from '#src/core/connection-info.ts'
import type { Host } from '#src/host/host.ts'

const INITIATOR_FILE = '/etc/iscsi/initiatorname.iscsi'

/** What volume services are told of this host (os-brick `get_connector_properties`); the name is the engine's to add. */
export async function connectorProperties(
  host: Host,
  { blockStorageIp }: Pick<HoldfastConfig, 'blockStorageIp'>,
): Promise<Omit<ConnectorProperties, 'host' | 'mountpoint'>> {
  const initiator = initiatorName(await host.files.read(INITIATOR_FILE).catch(() => undefined))
  return {
    ...(blockStorageIp !== undefined && { ip: blockStorageIp }),
    ...(initiator !== undefined && { initiator }),
    multipath: false,
    platform: machine() || arch(),
    os_type: platform(),
  }
}

/** `InitiatorName=iqn.1993-08.org.debian:01:abc`; the file may have comments, or `GenerateName=yes` until it is made. */
export function initiatorName(content: Uint8Array | undefined): string | undefined {
  if (!content) return undefined
  return /^[ \t]*InitiatorName[ \t]*=[ \t]*([A-Za-z0-9.:_-]{1,223})[ \t]*$/m.exec(
    new TextDecoder().decode(content),
  )?.[1]
}

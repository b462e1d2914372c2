import type { ConnectorProperties } from '#src/core/connection-info.ts'
import { HoldfastError } from '#src/core/error.ts'
import { checkConnector, mountpointOf } from '../requests.ts'
import type { CinderVolumeOptions } from './settings.ts'

/**
 * What Cinder is told of this host; the connector's own mountpoint wins over the caller's.
 * @throws HoldfastError `invalid-input` for one that names no host, `wrong-host` (unsafe) for one of another host
 */
export function sentConnector(
  { hostName }: Pick<CinderVolumeOptions, 'hostName'>,
  volume: string,
  connector: ConnectorProperties,
  mountpoint: string | undefined,
): ConnectorProperties {
  checkConnector(connector)
  const chosen = mountpointOf(connector, mountpoint)
  if (connector.host !== hostName) throw wrongHost(volume, connector.host, hostName)
  return chosen === undefined ? connector : { ...connector, mountpoint: chosen }
}

const wrongHost = (volume: string, asked: string, own: string) =>
  new HoldfastError(
    'unsafe',
    'wrong-host',
    `volume ${volume} was asked for host ${JSON.stringify(asked.slice(0, 60))}, but this host is '${own}'`,
    { details: { layer: 'attachment', hint: 'ask on the host that is to have the volume' } },
  )

import type { ConnectorProperties } from '#src/core/connection-info.ts'
import type { EngineSettings } from '../parts.ts'

/** This host as volume services know it (os-brick `get_connector_properties`). */
export const connectorOf = ({ hostName, connector }: EngineSettings): ConnectorProperties => ({
  host: hostName,
  ...connector,
})

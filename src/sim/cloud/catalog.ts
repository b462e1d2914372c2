import { createHash } from 'node:crypto'
import { IDENTITY, IMAGE, KEY_MANAGER, REGION, VOLUME } from './places.ts'
import type { CloudState } from './state.ts'

/** The service catalog in a token of this project. */
export function catalogOf({ settings }: CloudState, projectId: string): readonly unknown[] {
  const volumes = `${VOLUME}/${settings.volumeApi === undefined ? 'v2' : 'v3'}/${projectId}`
  const volumeTypes =
    settings.volumeApi === undefined
      ? [['volumev2', 'cinderv2']]
      : [
          ['volumev3', 'cinderv3'],
          ['block-storage', 'cinder'],
        ]
  return [
    service('identity', 'keystone', `${IDENTITY}/v3`),
    ...volumeTypes.map(([type = '', name = '']) => service(type, name, volumes)),
    service('image', 'glance', IMAGE),
    service('key-manager', 'barbican', KEY_MANAGER),
  ]
}

function service(type: string, name: string, url: string): unknown {
  const endpoints = ['public', 'internal', 'admin'].map(kind => ({
    id: idOf(`${type} ${kind}`),
    interface: kind,
    region_id: REGION,
    url,
    region: REGION,
  }))
  return { endpoints, id: idOf(type), type, name }
}

const idOf = (text: string): string => createHash('md5').update(text).digest('hex')

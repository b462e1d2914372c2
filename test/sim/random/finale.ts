import type { SimKey } from '#src/sim/key-manager.ts'
import { simVolumeState } from '#src/sim/volume-state.ts'
import { unfinished } from '../invariants.ts'
import { POOL } from '../rig.ts'
import { sightOf } from './sight.ts'
import type { Stage } from './stage.ts'
import { INSTANCES, type Operation, VOLUMES } from './steps.ts'

/**
 * What is done in the end, one after the other, on a host on which all is well again: nothing of it may be refused, every
 * instance comes back with all of its volumes, and then nothing is left.
 */
export function* farewell(stage: Stage): Generator<Operation> {
  const seen = () => sightOf(stage).picture
  for (const volume of VOLUMES) {
    while ((seen().volumes[volume]?.snapshots ?? 0) > 0) yield { do: 'delete-snapshot', volume }
  }
  for (let count = unfinished(stage.rig).length; count > 0; count--) yield { do: 'resume' }
  for (const instance of INSTANCES) if (seen().instances[instance]) yield { do: 'hard-reboot', instance }
  for (const instance of INSTANCES) if (seen().instances[instance]) yield { do: 'delete', instance }
  for (const volume of VOLUMES) if (seen().volumes[volume]) yield { do: 'delete-volume', volume }
}

/** When everything is deleted. */
export function left(stage: Stage): readonly string[] {
  const { world, rig } = stage
  const { volumes, attachments } = simVolumeState(world)
  const keys = world.slot('keys', () => new Map<string, SimKey>())
  return [
    ...unfinished(rig).map(line => `operation ${line}`),
    ...rig.traces(),
    ...[...world.users].map(([path, users]) => `${path}, held by ${[...users].join(', ')}`),
    ...[...world.files.keys()].filter(path => path.startsWith(`${POOL}/`)).map(path => `file ${path}`),
    ...[...volumes.keys()].map(id => `volume ${id}`),
    ...[...attachments.keys()].map(id => `attachment ${id}`),
    ...[...keys.keys()].map(id => `key ${id}`),
    ...[...stage.disk.rows.mappings.keys()].map(id => `mapping row ${id}`),
  ].map(what => `when everything is deleted this is left: ${what}`)
}

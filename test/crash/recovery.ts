import { simStoreDisk } from '#src/sim/store.ts'
import { simVolumeState } from '#src/sim/volume-state.ts'
import type { World } from '#src/sim/world.ts'
import { cloudVolumeIds } from '#test/sim/cloud/rows.ts'
import { unfinished, violations } from '#test/sim/invariants.ts'
import { processOn, type Scene } from './scene.ts'

/** Kinds of death: the process is killed; the power is cut, and the host boots. */
export const DEATHS = ['kill', 'power'] as const
export type Death = (typeof DEATHS)[number]

/** What becomes of a world that nobody works on. */
export function strike(world: World, death: Death): World {
  const left = world.fork()
  if (death === 'power') left.cutPower()
  return left
}

/** What a new process does first: it ends what was begun, oldest first; after a boot it brings the instances back. */
export async function recover({ rig }: Scene, death: Death): Promise<void> {
  for (const { id } of (await rig.operations.list({ unfinished: true })).toReversed()) await rig.operations.resume(id)
  if (death === 'power') await rig.host.resume()
}

/** What is not as it should be once a process has recovered. */
export const checkRecovered = ({ rig }: Scene): readonly string[] => [
  ...unfinished(rig).map(what => `I4 ${what} after the recovery`),
  ...violations(rig),
]

/** Which instances and volumes there are, and which volumes each instance has: no death may lose any, or make up one. */
export function recorded(world: World): string {
  const { instances, mappings } = simStoreDisk(world).rows
  const lines = [...instances.values()].map(({ id, name }) => {
    const own = [...mappings.values()].filter(row => row.instanceId === id)
    return `${name}: ${own.map(row => `${row.target} ${row.volumeId}`).sort()}`
  })
  const volumes = [...simVolumeState(world).volumes.keys(), ...cloudVolumeIds(world)]
  return [...lines.sort(), `volumes ${volumes.sort()}`].join('; ')
}

/**
 * What is not as it should be when instances live on after a recovery: every one that is recorded can be rebooted hard, and
 * sees its volumes; can be stopped, twice; can be deleted; then nothing is left (I3, I4). The scene's own world stays as it is.
 */
export async function checkLife({ rig: { world }, ...cast }: Scene): Promise<readonly string[]> {
  const told: string[] = []
  const scene = processOn(world.fork(), cast)
  const { rig } = scene
  rig.libvirt.manners.ignoresPower = false
  for (const { record } of await rig.instances.list()) {
    await tell(told, `hard reboot of ${record.name}`, () => rig.instances.hardReboot(record.id))
    told.push(...notRunning(scene, record.id), ...violations(rig))
    for (const time of ['first', 'second']) {
      await tell(told, `${time} stop of ${record.name}`, () => rig.instances.stop(record.id))
      told.push(...violations(rig))
    }
    await tell(told, `delete of ${record.name}`, () => rig.instances.delete(record.id))
  }
  return [...told, ...checkRecovered(scene), ...rig.traces().map(what => `I4 ${what} is left of all`)]
}

async function tell(told: string[], what: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run()
  } catch (error) {
    told.push(`I3 ${what} failed: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function notRunning({ rig }: Scene, id: string): readonly string[] {
  const domain = rig.libvirt.domains.get(id)
  return domain?.state === 'running' ? [] : [`I4 instance ${id} is ${domain?.state} after a hard reboot, not running`]
}

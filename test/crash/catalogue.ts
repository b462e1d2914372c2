import type { OperationKind } from '#src/journal/operation.ts'
import type { Scene } from './scene.ts'

/** An operation that is explored. */
export interface Explored {
  readonly name: string
  readonly kind: OperationKind
  /** What a process does, before the exploration begins. */
  readonly prepare?: (scene: Scene) => Promise<unknown>
  /** What is explored. */
  readonly run: (scene: Scene) => Promise<unknown>
}

const stopped = ({ rig, id }: Scene) => rig.instances.stop(id)

export const CATALOGUE: readonly Explored[] = [
  { name: 'create', kind: 'create', run: ({ rig, spare }) => rig.instance('db', [spare]) },
  { name: 'start', kind: 'start', prepare: stopped, run: ({ rig, id }) => rig.instances.start(id) },
  { name: 'stop', kind: 'stop', run: ({ rig, id }) => rig.instances.stop(id) },
  { name: 'soft reboot', kind: 'soft-reboot', run: ({ rig, id }) => rig.instances.softReboot(id) },
  {
    name: 'soft reboot that becomes hard',
    kind: 'soft-reboot',
    prepare: async ({ rig }) => {
      rig.libvirt.manners.ignoresPower = true
    },
    run: ({ rig, id }) => rig.instances.softReboot(id),
  },
  { name: 'hard reboot', kind: 'hard-reboot', run: ({ rig, id }) => rig.instances.hardReboot(id) },
  { name: 'attach, live', kind: 'attach', run: ({ rig, id, spare }) => rig.instances.attach(id, spare) },
  {
    name: 'attach, at rest',
    kind: 'attach',
    prepare: stopped,
    run: ({ rig, id, spare }) => rig.instances.attach(id, spare),
  },
  { name: 'detach, live', kind: 'detach', run: ({ rig, id, volumes }) => rig.instances.detach(id, volumes[1]) },
  {
    name: 'detach, at rest',
    kind: 'detach',
    prepare: stopped,
    run: ({ rig, id, volumes }) => rig.instances.detach(id, volumes[1]),
  },
  { name: 'delete', kind: 'delete', run: ({ rig, id }) => rig.instances.delete(id) },
]

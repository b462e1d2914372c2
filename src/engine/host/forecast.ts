import type { BoundsSettings } from '../bounds.ts'

/** What the way up of one volume takes, milliseconds. */
export interface VolumeCost {
  readonly keyMs: number
  readonly connectMs: number
  readonly unlockMs: number
  readonly memoryBytes: number
  readonly threads: number
}

export interface InstanceCost {
  readonly volumes: readonly VolumeCost[]
  /** Defining and starting its domain. */
  readonly domainMs: number
}

interface Task {
  readonly instance: number
  readonly ms: number
  readonly need: Readonly<Partial<Record<'processors' | 'memory' | 'io', number>>>
  readonly next: () => readonly Task[]
}

/**
 * When each instance would be back, milliseconds from the beginning, if these were brought back in this order within these
 * bounds: the same rules as the resume itself (lowest rank first, what fits goes), run through in a moment.
 */
export function forecast(
  instances: readonly InstanceCost[],
  bounds: BoundsSettings,
  volumeBound: number,
): readonly number[] {
  const back: number[] = new Array(instances.length).fill(0)
  const free = { processors: bounds.processors, memory: bounds.derivationMemoryBytes, io: bounds.io }
  const limits = { ...free }
  let [now, next, inLanes] = [0, 0, 0]
  let waiting: Task[] = []
  const running: { readonly task: Task; readonly end: number }[] = []
  const clamp = (task: Task, resource: keyof typeof free) => Math.min(task.need[resource] ?? 0, limits[resource])
  const resources = ['processors', 'memory', 'io'] as const
  const admit = () => {
    while (next < instances.length && inLanes < bounds.instances) {
      const index = next++
      inLanes++
      const done = () => {
        back[index] = now
        inLanes--
        return []
      }
      waiting.push(...wayUp(instances[index] as InstanceCost, index, volumeBound, done))
    }
    const still: Task[] = []
    for (const task of waiting.sort((a, b) => a.instance - b.instance)) {
      if (resources.some(resource => clamp(task, resource) > free[resource])) still.push(task)
      else {
        for (const resource of resources) free[resource] -= clamp(task, resource)
        running.push({ task, end: now + task.ms })
      }
    }
    waiting = still
  }
  for (admit(); running.length > 0; admit()) {
    const first = running.reduce((a, b) => (b.end < a.end ? b : a))
    running.splice(running.indexOf(first), 1)
    now = first.end
    for (const resource of resources) free[resource] += clamp(first.task, resource)
    waiting.push(...first.task.next())
  }
  return back
}

/** Volumes side by side in lanes, each key, connection and encryption in turn; then the domain; then `done`. */
function wayUp(
  { volumes, domainMs }: InstanceCost,
  instance: number,
  volumeBound: number,
  done: () => readonly Task[],
): readonly Task[] {
  const domain: Task = { instance, ms: domainMs, need: { io: 1 }, next: done }
  if (volumes.length === 0) return [domain]
  let [next, left] = [0, volumes.length]
  const one = (): readonly Task[] => {
    const volume = volumes[next++]
    if (!volume) return []
    const { keyMs, connectMs, unlockMs, memoryBytes, threads } = volume
    const ready = () => (--left === 0 ? [domain] : one())
    const need = unlockMs > 0 ? { processors: threads, memory: memoryBytes } : {}
    const unlock: Task = { instance, ms: unlockMs, need, next: ready }
    const key: Task = { instance, ms: keyMs, need: {}, next: () => [unlock] }
    return [{ instance, ms: connectMs, need: { io: 1 }, next: () => [key] }]
  }
  return Array.from({ length: Math.min(volumeBound, volumes.length) }, one).flat()
}

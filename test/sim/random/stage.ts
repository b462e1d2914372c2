import { HoldfastError } from '#src/core/error.ts'
import type { Parts } from '#src/engine/parts.ts'
import type { Fault, FaultPoint } from '#src/sim/faults.ts'
import { simStoreDisk } from '#src/sim/store.ts'
import { World } from '#src/sim/world.ts'
import { Rig } from '../rig.ts'
import type { Manner, Run, Service, StepFault } from './steps.ts'

/** What the kernel of a guest lies under: a path that is no shell's and no XML's friend (I10). */
export const KERNEL = `/boot/vm <linuz> & "co's" $(x);y/..%s`

/** Changes the parts of each process: how a test plants a defect. */
export type Plant = (parts: Parts) => Partial<Parts>

/** The simulated host that a run happens on, with what is away from it now. Each process of Holdfast on it is a `Rig`. */
export class Stage {
  readonly rig: Rig
  readonly away = new Set<Service>()
  /** What struck in the step under way, in words. */
  readonly struck: string[] = []
  readonly run: Pick<Run, 'dmCrypt' | 'prefers'>
  readonly #plant: Plant
  #fault: (StepFault & { passed: number }) | undefined

  private constructor(seed: number, run: Pick<Run, 'dmCrypt' | 'prefers'>, plant: Plant = () => ({})) {
    this.run = run
    this.#plant = plant
    this.rig = new Rig({ world: new World({ seed }), dmCrypt: run.dmCrypt })
    this.rig.world.addFile(KERNEL)
    this.#arrange()
  }

  /** With a volume type for each provider. */
  static async open(seed: number, run: Pick<Run, 'dmCrypt' | 'prefers'>, plant?: Plant): Promise<Stage> {
    const stage = new Stage(seed, run, plant)
    for (const provider of ['luks', 'luks2'] as const) {
      const encryption = { provider, cipher: 'aes-xts-plain64', keySize: 512, controlLocation: 'front-end' } as const
      await stage.rig.parts.volumes.createVolumeType({ name: provider, encryption })
    }
    return stage
  }

  get world(): World {
    return this.rig.world
  }

  /** Store rows as they are on disk. */
  get disk() {
    return simStoreDisk(this.world)
  }

  /** The process is killed, another begins. */
  async restart(): Promise<void> {
    await this.rig.restart()
    this.#arrange()
  }

  /** The power is cut, the host boots, another process begins. */
  async reboot(): Promise<void> {
    await this.rig.reboot()
    this.#arrange()
  }

  #arrange(): void {
    const { parts } = this.rig
    const settings = { ...parts.settings, preferredMechanism: this.run.prefers }
    Object.assign(parts, { settings })
    Object.assign(parts, this.#plant(parts))
    this.world.faults = point => this.#strike(point)
  }

  /** From now on, counted from here; until the next one. */
  arm(fault: StepFault | undefined): void {
    this.struck.length = 0
    this.#fault = fault && { ...fault, passed: 0 }
  }

  #strike(point: FaultPoint): Fault | undefined {
    const armed = this.#fault
    if (armed?.on === point.kind && ++armed.passed === armed.nth) {
      this.struck.push(`${armed.do} ${armed.when} '${point.name}'`)
      const { when } = armed
      return armed.do === 'fail' ? { when, do: 'fail', error: failureOf(point) } : { when, do: armed.do }
    }
    const service = SERVICES.find(({ prefix }) => point.name.startsWith(prefix))
    if (!service || !this.away.has(service.name)) return undefined
    return { when: 'before', do: 'fail', error: failureOf(point) }
  }

  setAway(service: Service, away: boolean): void {
    if (service === 'libvirt') this.rig.libvirt.up = !away
    if (away) this.away.add(service)
    else this.away.delete(service)
  }

  setManner(manner: Manner, on: boolean): void {
    this.rig.libvirt.manners[manner] = on
  }
}

const SERVICES = [
  { name: 'keys', prefix: 'keys ', code: 'key-manager-unavailable' },
  { name: 'volumes', prefix: 'volumes ', code: 'volume-service-unavailable' },
  { name: 'libvirt', prefix: 'libvirt ', code: 'hypervisor-unavailable' },
] as const

/** What a real one would answer there. */
function failureOf({ name }: FaultPoint): HoldfastError {
  const service = SERVICES.find(({ prefix }) => name.startsWith(prefix))
  if (service) return new HoldfastError('unavailable', service.code, `no answer: ${name}`)
  if (name.startsWith('store ')) return new HoldfastError('no-space', 'no-space', `no space left: ${name}`)
  return new HoldfastError('host-command', 'command-failed', `${name} ended with exit code 5`)
}

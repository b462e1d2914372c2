import { isDeepStrictEqual } from 'node:util'
import type { Change } from '#src/core/change.ts'
import { formatMs, withDeadline } from '#src/core/deadline.ts'
import { collectErrors, hasCode } from '#src/core/error.ts'
import type {
  DomainDisk,
  DomainFacts,
  DomainSpec,
  Hypervisor,
  HypervisorAbilities,
  WaitOptions,
} from '#src/hypervisor/hypervisor.ts'
import {
  checkText,
  failure,
  failureOf,
  filesOf,
  foreign,
  kept,
  lacks,
  notRunning,
  restartedAgain,
  whereIs,
  withBootOrder,
} from './hypervisor-rules.ts'
import { type SimDomain, SimLibvirt, simConfiguration, simDisk, simFacts } from './hypervisor-state.ts'
import type { World } from './world.ts'

const LOOK_MS = 250
const MAX_RUNS = 5

/** libvirt and QEMU of this world, which outlive the process. */
export const simLibvirt = (world: World): SimLibvirt => world.slot('libvirt', () => new SimLibvirt(world))

/** The hypervisor port over simulated libvirt and QEMU. */
export class SimHypervisor implements Hypervisor {
  readonly #world: World
  readonly #libvirt: SimLibvirt

  constructor(world: World) {
    this.#world = world
    this.#libvirt = simLibvirt(world)
  }

  abilities(signal?: AbortSignal): Promise<HypervisorAbilities> {
    return this.#look(
      'capabilities',
      () => {
        this.#checkEmulator()
        const versions = { libvirtVersion: '9.0.0', hypervisorVersion: '7.2.22' }
        return { hypervisor: 'QEMU', ...versions, domainType: 'qemu', emulator: '/usr/bin/qemu-system-x86_64' }
      },
      signal,
    )
  }

  observe(id: string, signal?: AbortSignal): Promise<DomainFacts | undefined> {
    return this.#look(
      `observe ${id}`,
      () => {
        const domain = this.#libvirt.domains.get(id)
        return domain && simFacts(domain)
      },
      signal,
    )
  }

  list(signal?: AbortSignal): Promise<readonly DomainFacts[]> {
    return this.#look('list', () => [...this.#libvirt.domains.values()].map(simFacts), signal)
  }

  check(spec: DomainSpec, signal?: AbortSignal): Promise<void> {
    return this.#look(
      `check ${spec.id}`,
      () => {
        const checks = [
          () => this.#checkNames(spec),
          () => this.#checkEmulator(),
          () => checkText(spec),
          ...filesOf(spec).map(path => () => this.#checkFile(path)),
          ...spec.interfaces.map(
            ({ bridge }) =>
              () =>
                this.#checkBridge(bridge),
          ),
        ]
        const error = collectErrors(checks.flatMap(failureOf))
        if (error) throw error
      },
      signal,
    )
  }

  define(spec: DomainSpec, signal?: AbortSignal): Promise<Change> {
    return this.#effect(
      `define ${spec.id}`,
      () => {
        this.#checkNames(spec)
        checkText(spec)
        const wanted = withBootOrder(simConfiguration(spec))
        if (isDeepStrictEqual(this.#libvirt.domains.get(spec.id)?.persistent, wanted)) return 'already'
        this.#libvirt.define({ id: spec.id, name: spec.name, ours: true }, wanted)
        return 'made'
      },
      signal,
    )
  }

  start(id: string, signal?: AbortSignal): Promise<Change> {
    return this.#effect(
      `start ${id}`,
      () => {
        const domain = this.#existing(id)
        if (domain.live) return 'already'
        this.#libvirt.start(domain)
        return 'made'
      },
      signal,
    )
  }

  async waitRunning(id: string, wait: WaitOptions): Promise<void> {
    await this.#until(`waiting for domain ${id} to run`, wait, signal =>
      this.#look(
        `wait running ${id}`,
        () => {
          const domain = this.#existing(id)
          if (!domain.live) throw notRunning(domain)
          return domain.state === 'running' ? domain : undefined
        },
        signal,
      ),
    )
  }

  async shutdown(id: string, wait: WaitOptions): Promise<Change> {
    let pressed = false
    return await this.#until(`shutting down domain ${id}`, wait, async signal => {
      const off = await this.#look(`wait off ${id}`, () => !this.#own(id)?.live, signal)
      if (off) return pressed ? 'made' : 'already'
      if (!pressed) {
        pressed = true
        await this.#effect(
          `power button ${id}`,
          () => {
            const domain = this.#own(id)
            if (domain?.live && !this.#libvirt.manners.ignoresPower) this.#libvirt.endRun(domain)
          },
          signal,
        )
      }
      return undefined
    })
  }

  async reboot(id: string, wait: WaitOptions): Promise<void> {
    let before: { readonly resets: number; readonly runtimeId: number | undefined } | undefined
    await this.#until(`rebooting domain ${id}`, wait, async signal => {
      const now = await this.#look(
        `wait reboot ${id}`,
        () => {
          const domain = this.#existing(id)
          if (domain.state !== 'running') throw notRunning(domain)
          return { resets: domain.resets, runtimeId: domain.runtimeId }
        },
        signal,
      )
      if (before) return isDeepStrictEqual(before, now) ? undefined : true
      before = now
      await this.#effect(
        `reboot ${id}`,
        () => {
          if (!this.#libvirt.manners.ignoresPower) this.#existing(id).resets++
        },
        signal,
      )
      return undefined
    })
  }

  async destroy(id: string, wait: WaitOptions): Promise<Change> {
    let runs = 0
    return await this.#until(`destroying domain ${id}`, wait, async signal => {
      const domain = await this.#look(`wait destroyed ${id}`, () => this.#own(id), signal)
      if (!domain?.live) return runs > 0 ? 'made' : 'already'
      if (++runs > MAX_RUNS) throw restartedAgain(domain)
      await this.#effect(`destroy ${id}`, () => this.#pullPlug(id), signal)
      return undefined
    })
  }

  #pullPlug(id: string): void {
    const domain = this.#own(id)
    if (domain?.live) this.#libvirt.endRun(domain)
    if (domain?.persistent && this.#libvirt.restartsAfterDestroy > 0) {
      this.#libvirt.restartsAfterDestroy--
      this.#libvirt.start(domain)
    }
  }

  undefine(id: string, { forget }: { readonly forget: boolean }, signal?: AbortSignal): Promise<Change> {
    return this.#effect(
      `undefine ${id}`,
      () => {
        const domain = this.#own(id)
        if (!domain?.persistent) return 'already'
        this.#libvirt.undefine(domain, forget)
        return 'made'
      },
      signal,
    )
  }

  present(id: string, disk: DomainDisk, wait: WaitOptions): Promise<Change> {
    const what = `presenting volume ${disk.volumeId} to domain ${id}`
    return withDeadline(this.#world.clock, wait.deadlineMs, what, wait.signal, signal =>
      this.#effect(
        `attach ${disk.volumeId} to ${id}`,
        () => {
          const domain = this.#existing(id)
          const live = domain.live !== undefined && lacks(domain, domain.live, disk)
          const persistent = domain.persistent !== undefined && lacks(domain, domain.persistent, disk)
          if (!live && !persistent) return 'already'
          this.#libvirt.attach(domain, { ...simDisk(disk), bootOrder: undefined }, { live, persistent })
          return 'made'
        },
        signal,
      ),
    )
  }

  async withdraw(id: string, volumeId: string, wait: WaitOptions): Promise<Change> {
    let change: Change = 'already'
    let asked = false
    try {
      return await this.#until(`withdrawing volume ${volumeId} from domain ${id}`, wait, async signal => {
        const there = await this.#look(
          `wait detached ${volumeId} from ${id}`,
          () => whereIs(this.#own(id), volumeId),
          signal,
        )
        if (!there) return change
        change = 'made'
        if (there === 'persistent')
          await this.#effect(`detach ${volumeId} from ${id}`, () => this.#forget(id, volumeId), signal)
        else if (!asked) {
          asked = true
          await this.#effect(`unplug ${volumeId} from ${id}`, () => this.#unplug(id, volumeId), signal)
        }
        return undefined
      })
    } catch (error) {
      throw asked && hasCode(error, 'timeout')
        ? kept(id, volumeId, `within ${formatMs(wait.deadlineMs)}`, error)
        : error
    }
  }

  #unplug(id: string, volumeId: string): void {
    const { manners } = this.#libvirt
    if (manners.refusesUnplug) throw kept(id, volumeId, 'and says so')
    const domain = this.#own(id)
    if (domain && !manners.keepsDisks) this.#libvirt.detachLive(domain, volumeId)
  }

  #forget(id: string, volumeId: string): void {
    const domain = this.#own(id)
    if (domain) this.#libvirt.detachPersistent(domain, volumeId)
  }

  resize(id: string, volumeId: string, bytes: number, signal?: AbortSignal): Promise<void> {
    return this.#effect(
      `resize ${volumeId} in ${id}`,
      () => {
        const domain = this.#existing(id)
        if (!domain.live) return
        if (!domain.live.disks.some(disk => disk.volumeId === volumeId)) {
          throw failure('not-found', 'disk-not-found', `domain '${domain.name}' has no disk of volume ${volumeId}`)
        }
        this.#libvirt.toldSizes.set(`${id} ${volumeId}`, bytes)
      },
      signal,
    )
  }

  #effect<T>(name: string, run: () => T, signal?: AbortSignal): Promise<T> {
    return this.#world.effect(`libvirt ${name}`, () => this.#answer(run), signal)
  }

  #look<T>(name: string, run: () => T, signal?: AbortSignal): Promise<T> {
    return this.#world.look(`libvirt ${name}`, () => this.#answer(run), signal)
  }

  #answer<T>(run: () => T): T {
    if (this.#libvirt.up) return run()
    throw failure('unavailable', 'hypervisor-unavailable', 'libvirt does not answer: no such socket')
  }

  /** Looks again until there is an answer. A libvirt that is away is none, unless it is still away at the deadline. */
  async #until<T>(what: string, wait: WaitOptions, look: (signal: AbortSignal) => Promise<T | undefined>): Promise<T> {
    let away: unknown
    const patient = async (signal: AbortSignal): Promise<T | undefined> => {
      try {
        const answer = await look(signal)
        away = undefined
        return answer
      } catch (error) {
        if (!hasCode(error, 'hypervisor-unavailable')) throw error
        away = error
        return undefined
      }
    }
    try {
      return await withDeadline(this.#world.clock, wait.deadlineMs, what, wait.signal, async signal => {
        for (;;) {
          const answer = await patient(signal)
          if (answer !== undefined) return answer
          await this.#world.clock.sleep(LOOK_MS, signal)
        }
      })
    } catch (error) {
      throw away !== undefined && hasCode(error, 'timeout') ? away : error
    }
  }

  /** Undefined if there is none. */
  #own(id: string): SimDomain | undefined {
    const domain = this.#libvirt.domains.get(id)
    if (domain && !domain.ours) throw foreign(`domain '${domain.name}' has UUID ${id}`)
    return domain
  }

  #existing(id: string): SimDomain {
    const domain = this.#own(id)
    if (domain) return domain
    throw failure('not-found', 'domain-not-found', `libvirt has no domain ${id}`)
  }

  #checkNames(spec: DomainSpec): void {
    this.#own(spec.id)
    for (const { id, name } of this.#libvirt.domains.values()) {
      if (name === spec.name && id !== spec.id) throw foreign(`the name '${name}' belongs to domain ${id}`)
    }
  }

  #checkEmulator(): void {
    if (!this.#libvirt.hasEmulator) throw failure('unsupported', 'emulator-missing', 'libvirt cannot run x86_64 guests')
  }

  #checkFile(path: string): void {
    if (!this.#world.below(path)) throw failure('not-found', 'file-not-found', `${path} is not there`)
  }

  #checkBridge(bridge: string): void {
    if (this.#world.interfaces.get(bridge)?.kind === 'bridge') return
    throw failure('not-found', 'bridge-not-found', `there is no bridge "${bridge}" on this host`)
  }
}

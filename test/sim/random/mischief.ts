import { GIB } from '#src/core/sizes.ts'
import { simVolumeState } from '#src/sim/volume-state.ts'
import type { SimFile } from '#src/sim/world.ts'
import { POOL } from '../rig.ts'
import { instanceId, volumeId } from './sight.ts'
import type { Stage } from './stage.ts'
import type { HostEvent, InstanceName, VolumeName } from './steps.ts'

/**
 * What somebody did to a volume: its file is not what it was, something foreign stands where its own belongs, or somebody
 * else uses its device.
 */
type Harm = 'storage' | 'obstacle' | 'held'

interface Original {
  readonly id: string
  readonly file: SimFile
  readonly sizeBytes: number
  readonly how: 'vanished' | 'grown' | 'swapped'
}

/** What stands on the host by somebody else, who alone may take it away. */
interface Foreign {
  readonly what: string
  readonly volume?: VolumeName | undefined
  readonly instance?: InstanceName | undefined
  readonly holds?: VolumeName | undefined
  readonly stands: () => boolean
  readonly remove: () => void
  /** Looks like Holdfast's own, left over: it may take it away. */
  readonly ours: boolean
}

/** What happens to the host behind Holdfast's back, and how it is mended. */
export class Mischief {
  readonly #stage: Stage
  readonly #originals = new Map<VolumeName, Original>()
  #foreign: Foreign[] = []
  /** Files that were exchanged once. */
  readonly #strays = new Set<SimFile>()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  harmOf(volume: VolumeName): ReadonlySet<Harm> {
    const harm = new Set<Harm>()
    if (this.#originals.has(volume)) harm.add('storage')
    if (this.#foreign.some(each => each.volume === volume && each.stands())) harm.add('obstacle')
    if (this.#foreign.some(each => each.holds === volume && each.stands())) harm.add('held')
    return harm
  }

  /** Nothing of the storage or of what is foreign is in the way of anybody. */
  isMended(): boolean {
    return this.#originals.size === 0 && !this.#foreign.some(({ stands }) => stands())
  }

  isObstructed(instance: InstanceName): boolean {
    return this.#foreign.some(each => each.instance === instance && each.stands())
  }

  /** Foreign things that are gone though nobody but Holdfast could have done it. */
  lost(): readonly string[] {
    return this.#foreign.filter(each => !each.ours && !each.stands()).map(({ what }) => `${what} was taken away`)
  }

  /** Lines of the invariants that tell what somebody else did. */
  excuses(line: string): boolean {
    const touched = [...this.#originals.values()]
    if (line.startsWith('I5 ') && touched.some(({ id, how }) => how === 'vanished' && line.includes(id))) return true
    if (/^I[12] vd/.test(line) && touched.some(({ id }) => line.endsWith(`not volume ${id}`))) return true
    if (/ loop device /.test(line) && this.#isStray(line)) return true
    return line.endsWith('is left over') && this.#foreign.some(({ what, stands }) => stands() && line.includes(what))
  }

  /** The device of a file that had gone elsewhere when its volume was taken down: nobody could tell whose it is. */
  #isStray(line: string): boolean {
    const { loops } = this.#stage.world
    return [...loops.values()].some(({ path, file }) => this.#strays.has(file) && line.includes(`loop device ${path} `))
  }

  /** False: there was nothing that it could have happened to. */
  async happen(event: HostEvent): Promise<boolean> {
    const stage = this.#stage
    switch (event.do) {
      case 'kill':
        await stage.restart()
        return true
      case 'power-cut':
        await this.#cutPower()
        return true
      case 'mend':
        this.mend()
        return true
      case 'guest-ends':
        return this.#endGuest(event.instance)
      case 'manner':
        stage.setManner(event.manner, event.on)
        return true
      case 'away':
      case 'back':
        stage.setAway(event.service, event.do === 'away')
        return true
      case 'disk-full':
      case 'disk-freed':
        stage.disk.full = event.do === 'disk-full'
        return true
      case 'vanish':
      case 'grow':
        return this.#harmFile(event.volume, event.do)
      case 'swap-files':
        return this.#swapFiles(event.volume, event.other)
      case 'foreign':
        return this.#putForeign(event.what, event.volume)
      case 'foreign-interface':
        return this.#putInterface(event.instance)
      case 'leftover':
        return this.#putLeftover(event.volume, event.other)
    }
  }

  /** Everything is as it should be again, save for what Holdfast has to settle. */
  mend(): void {
    const { rig, away, disk, world } = this.#stage
    for (const service of [...away]) this.#stage.setAway(service, false)
    for (const manner of ['ignoresPower', 'keepsDisks', 'refusesUnplug'] as const) this.#stage.setManner(manner, false)
    disk.full = false
    rig.libvirt.up = true
    for (const { id } of this.#originals.values()) world.files.delete(pathOf(id))
    for (const { id, file, sizeBytes } of this.#originals.values()) {
      file.sizeBytes = sizeBytes
      if (simVolumeState(world).volumes.has(id)) world.files.set(pathOf(id), file)
    }
    this.#originals.clear()
    this.#removeStrays()
    for (const each of this.#foreign.toReversed()) each.remove()
    this.#foreign = []
  }

  async #cutPower(): Promise<void> {
    await this.#stage.reboot()
    for (const each of this.#foreign) each.remove()
    this.#foreign = []
  }

  #removeStrays(): void {
    const { loops } = this.#stage.world
    for (const { path, file } of [...loops.values()]) {
      if (this.#strays.has(file) && this.#stage.world.holders(path).length === 0) loops.delete(path)
    }
  }

  #endGuest(name: InstanceName): boolean {
    const domain = this.#stage.rig.libvirt.domains.get(instanceId(this.#stage, name))
    if (!domain?.live) return false
    this.#stage.rig.libvirt.endRun(domain)
    return true
  }

  #pristine(name: VolumeName): SimFile | undefined {
    return this.#originals.has(name) ? undefined : this.#stage.world.files.get(pathOf(volumeId(this.#stage, name)))
  }

  #remember(name: VolumeName, file: SimFile, how: Original['how']): void {
    if (how === 'swapped') this.#strays.add(file)
    this.#originals.set(name, { id: volumeId(this.#stage, name), file, sizeBytes: file.sizeBytes, how })
  }

  #harmFile(name: VolumeName, how: 'vanish' | 'grow'): boolean {
    const file = this.#pristine(name)
    if (!file) return false
    this.#remember(name, file, how === 'vanish' ? 'vanished' : 'grown')
    if (how === 'vanish') this.#stage.world.files.delete(pathOf(volumeId(this.#stage, name)))
    else file.sizeBytes += GIB
    return true
  }

  #swapFiles(name: VolumeName, other: VolumeName): boolean {
    const [one, two] = [this.#pristine(name), this.#pristine(other)]
    if (!one || !two || one === two) return false
    this.#remember(name, one, 'swapped')
    this.#remember(other, two, 'swapped')
    const { files } = this.#stage.world
    files.set(pathOf(volumeId(this.#stage, name)), two).set(pathOf(volumeId(this.#stage, other)), one)
    return true
  }

  #putForeign(what: 'mapping' | 'secret' | 'loop device', name: VolumeName): boolean {
    const { world } = this.#stage
    const id = volumeId(this.#stage, name)
    const file = this.#pristine(name)
    if (!file) return false
    if (what === 'mapping') return this.#putMapping(name, `crypt-${id}`, { over: '/dev/sdz9', uuid: 'LVM-theirs' })
    if (what === 'secret') return this.#putSecret(name, id)
    if ([...world.loops.values()].some(loop => loop.file === file)) return false
    this.#putLoop(name, file, pathOf(id))
    return true
  }

  #putMapping(
    volume: VolumeName,
    name: string,
    { over, uuid, holds }: { over: string; uuid: string; holds?: VolumeName },
  ): boolean {
    const { mappings } = this.#stage.world
    if (mappings.has(name)) return false
    const ours = uuid.startsWith('CRYPT-LUKS')
    const mapping = { name, target: ours ? 'crypt' : 'linear', dmUuid: uuid, over, sizeBytes: GIB } as const
    mappings.set(name, mapping)
    const stands = () => mappings.get(name) === mapping
    this.#foreign.push({
      what: `mapping ${name}`,
      volume,
      holds,
      stands,
      ours,
      remove: () => stands() && mappings.delete(name),
    })
    return true
  }

  #putSecret(volume: VolumeName, id: string): boolean {
    const { secrets, random } = this.#stage.world
    if (secrets.has(id) || [...secrets.values()].some(({ usage }) => usage === id)) return false
    const uuid = random.uuid()
    secrets.set(uuid, { uuid, usage: id, valueHash: 'theirs' })
    const stands = () => secrets.has(uuid)
    this.#foreign.push({ what: `secret ${uuid}`, volume, stands, ours: false, remove: () => secrets.delete(uuid) })
    return true
  }

  /** Over a volume's own file, under its path: nobody could tell it from what Holdfast had made. */
  #putLoop(volume: VolumeName, file: SimFile, backingPath: string): string {
    const { loops } = this.#stage.world
    let number = 40
    while (loops.has(`/dev/loop${number}`)) number++
    const path = `/dev/loop${number}`
    const loop = { path, file, backingPath }
    loops.set(path, loop)
    const stands = () => loops.get(path) === loop
    this.#foreign.push({
      what: `loop device ${path} `,
      volume,
      stands,
      ours: true,
      remove: () => stands() && this.#stage.world.holders(path).length === 0 && loops.delete(path),
    })
    return path
  }

  #putInterface(instance: InstanceName): boolean {
    const { interfaces } = this.#stage.world
    const id = instanceId(this.#stage, instance)
    const [nic] = this.#stage.disk.rows.instances.get(id)?.interfaces ?? []
    if (!nic || interfaces.has(nic.tap)) return false
    const foreign = { name: nic.tap, kind: 'other' } as const
    interfaces.set(nic.tap, foreign)
    const stands = () => interfaces.get(nic.tap) === foreign
    const remove = () => stands() && interfaces.delete(nic.tap)
    this.#foreign.push({ what: `interface ${nic.tap}`, instance, stands, ours: false, remove })
    return true
  }

  /** As a boot in the middle of something, or another tool, may leave it: the name of one volume over another's file. */
  #putLeftover(name: VolumeName, other: VolumeName): boolean {
    const { world } = this.#stage
    const [file, under] = [this.#pristine(name), this.#pristine(other)]
    const id = volumeId(this.#stage, name)
    if (!file?.luks || !under || file === under || world.mappings.has(`crypt-${id}`)) return false
    const there = [...world.loops.values()].find(loop => loop.file === under)
    if (there) return false
    const over = this.#putLoop(other, under, pathOf(volumeId(this.#stage, other)))
    const uuid = `CRYPT-LUKS${file.luks.version}-${id.replaceAll('-', '')}-crypt-${id}`
    return this.#putMapping(name, `crypt-${id}`, { over, uuid, holds: other })
  }
}

const pathOf = (id: string): string => `${POOL}/volume-${id}`

import type { Change } from '#src/core/change.ts'
import type { GuestSource } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import type {
  DerivationCost,
  Encryptor,
  LockRequest,
  Unlocked,
  UnlockRequest,
  ViewFacts,
} from '#src/encryptors/encryptor.ts'
import { checkSimLuks, checkSimPassphrase, failure, simLuksOrNothing } from './luks.ts'
import { hashOf, type SimLuks, type SimMapping, type SimSecret, type World } from './world.ts'

const OUR_NAME = /^crypt-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/
const LUKS_UUID = /^CRYPT-LUKS[12]-([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})-(.+)$/

const nameOf = (volumeId: string): string => `crypt-${volumeId}`
const pathOf = (volumeId: string): string => `/dev/mapper/${nameOf(volumeId)}`

/** The simulated twin of the encryptor by dm-crypt. */
export class SimLuksEncryptor implements Encryptor {
  readonly mechanism = 'dm-crypt'
  readonly needsBlock = true
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async check(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<void> {
    const check = () => {
      checkSimPassphrase(request, checkSimLuks(this.#world, request), passphrase)
      const standing = this.#mapping(request.volumeId)
      if (standing) checkOurs(request, standing)
    }
    await this.#world.look(`luks check ${request.volumeId}`, check, signal)
  }

  async unlock(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<Unlocked> {
    const { volumeId } = request
    const look = () => ({ luks: checkSimLuks(this.#world, request), standing: this.#mapping(volumeId) })
    const { luks, standing } = await this.#world.look(`luks look ${volumeId}`, look, signal)
    if (standing && this.#isRight(request, luks, standing)) {
      return { change: 'already', view: mappingView(request, luks, standing) }
    }
    if (standing) await this.#world.effect(`cryptsetup luksClose ${standing.name}`, () => this.#close(request), signal)
    const open = () => this.#open(request, passphrase)
    return await this.#world.effect(`cryptsetup luksOpen ${nameOf(volumeId)}`, open, signal)
  }

  #open(request: UnlockRequest, passphrase: Secret): Unlocked {
    const { source, volumeId } = request
    const luks = checkSimLuks(this.#world, request)
    checkSimPassphrase(request, luks, passphrase)
    const holders = this.#world.holders(source.path)
    if (holders.length > 0 || this.#mapping(volumeId)) {
      const message = `volume ${volumeId} cannot be opened: ${source.path} is in use, held by ${holders.join(', ')}`
      throw failure(request, 'busy', 'busy', message)
    }
    const name = nameOf(volumeId)
    const mapping: SimMapping = {
      name,
      target: 'crypt',
      dmUuid: dmUuid(volumeId, luks),
      over: source.path,
      sizeBytes: source.sizeBytes - luks.payloadOffsetBytes,
    }
    this.#world.mappings.set(name, mapping)
    return { change: 'made', view: mappingView(request, luks, mapping) }
  }

  async lock(volume: LockRequest, signal?: AbortSignal): Promise<Change> {
    const { volumeId } = volume
    const standing = await this.#world.look(`luks find ${volumeId}`, () => this.#mapping(volumeId), signal)
    if (!standing) return 'already'
    const change = await this.#world.effect(`cryptsetup luksClose ${standing.name}`, () => this.#close(volume), signal)
    await this.#world.look(`luks released ${volumeId}`, () => this.#checkReleased(volumeId, standing), signal)
    return change
  }

  /** As the real one: nothing else may lie on the device that the mapping lay on. */
  #checkReleased(volumeId: string, { over }: SimMapping): void {
    const held = [...this.#world.mappings.values()].filter(other => other.over === over).map(({ name }) => name)
    if (held.length === 0) return
    const message = `${pathOf(volumeId)} was closed, but its device ${over} is still held by mapping ${held.join(', ')}`
    throw new HoldfastError('busy', 'busy', message, { details: { volume: volumeId, layer: 'encryption' } })
  }

  #close(volume: LockRequest): Change {
    const { volumeId } = volume
    const mapping = this.#mapping(volumeId)
    if (!mapping) return 'already'
    checkOurs(volume, mapping)
    const path = pathOf(volumeId)
    const details = { details: { volume: volumeId, layer: 'encryption' } } as const
    const holders = this.#world.holders(path)
    if (holders.length > 0) {
      throw new HoldfastError('busy', 'busy', `${path} is in use: held by ${holders.join(', ')}`, details)
    }
    this.#world.mappings.delete(mapping.name)
    return 'made'
  }

  cost(request: UnlockRequest, signal?: AbortSignal): Promise<DerivationCost> {
    return this.#world.look(`luks cost ${request.volumeId}`, () => simCost(checkSimLuks(this.#world, request)), signal)
  }

  list(signal?: AbortSignal): Promise<readonly ViewFacts[]> {
    const views = () =>
      [...this.#world.mappings.values()]
        .filter(({ name, target }) => target === 'crypt' || OUR_NAME.test(name))
        .map(mapping => this.#facts(mapping))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    return this.#world.look('dmsetup list', views, signal)
  }

  #facts({ name, target, dmUuid: uuid, over }: SimMapping): ViewFacts {
    const [, ...parts] = LUKS_UUID.exec(uuid) ?? []
    const named = parts.pop()
    const ours = named === name && target === 'crypt' ? OUR_NAME.exec(name)?.[1] : undefined
    const path = `/dev/mapper/${name}`
    return {
      name,
      path,
      over,
      holders: this.#world.holders(path),
      ...(ours !== undefined && { volumeId: ours }),
      ...(parts.length > 0 && { luksUuid: parts.join('-') }),
    }
  }

  probe(request: UnlockRequest, signal?: AbortSignal): Promise<GuestSource | undefined> {
    return this.#world.look(`luks probe ${request.volumeId}`, () => this.#probe(request), signal)
  }

  #probe(request: UnlockRequest): GuestSource | undefined {
    const luks = simLuksOrNothing(this.#world, request)
    const mapping = this.#mapping(request.volumeId)
    if (!luks || !mapping || !this.#isRight(request, luks, mapping)) return undefined
    return mappingView(request, luks, mapping)
  }

  #mapping(volumeId: string): SimMapping | undefined {
    return this.#world.mappings.get(nameOf(volumeId))
  }

  #isRight({ volumeId, source }: UnlockRequest, luks: SimLuks, mapping: SimMapping): boolean {
    return mapping.target === 'crypt' && mapping.over === source.path && mapping.dmUuid === dmUuid(volumeId, luks)
  }
}

function checkOurs({ volumeId, luksUuid }: LockRequest, { target, dmUuid: found }: SimMapping): void {
  const details = { details: { volume: volumeId, layer: 'encryption' } } as const
  if (target !== 'crypt') {
    throw new HoldfastError('unsafe', 'wrong-device', `${pathOf(volumeId)} maps ${target}, not crypt`, details)
  }
  const uuid = luksUuid?.replaceAll('-', '')
  if (uuid === undefined || [1, 2].some(version => found === `CRYPT-LUKS${version}-${uuid}-${nameOf(volumeId)}`)) return
  throw new HoldfastError('unsafe', 'wrong-device', `${pathOf(volumeId)} has the UUID '${found}'`, details)
}

const dmUuid = (volumeId: string, { version, uuid }: SimLuks): string =>
  `CRYPT-LUKS${version}-${uuid.replaceAll('-', '')}-${nameOf(volumeId)}`

const mappingView = ({ volumeId }: UnlockRequest, luks: SimLuks, mapping: SimMapping): GuestSource => ({
  mechanism: 'dm-crypt',
  kind: 'block',
  path: pathOf(volumeId),
  sizeBytes: mapping.sizeBytes,
  luksUuid: luks.uuid,
})

/** The simulated twin of the encryptor by QEMU itself; its secrets live in the world. */
export class SimNativeEncryptor implements Encryptor {
  readonly mechanism = 'native'
  readonly needsBlock = false
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async check(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<void> {
    await this.#world.look(`native check ${request.volumeId}`, () => this.#checked(request, passphrase), signal)
  }

  async unlock(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<Unlocked> {
    const { volumeId } = request
    const look = () => this.#checked(request, passphrase)
    const { luks, standing } = await this.#world.look(`native look ${volumeId}`, look, signal)
    const { secrets } = this.#world
    if (!standing) {
      const define = () => secrets.set(volumeId, { uuid: volumeId, usage: volumeId })
      await this.#world.effect(`secret define ${volumeId}`, define, signal)
    }
    const valueHash = hashOf(passphrase)
    const setValue = () => this.#setValue(request, valueHash)
    await this.#world.effect(`secret set-value ${volumeId}`, setValue, signal)
    return { change: standing?.valueHash === undefined ? 'made' : 'already', view: secretView(request, luks) }
  }

  #setValue(request: UnlockRequest, valueHash: string): void {
    const secret = this.#world.secrets.get(request.volumeId)
    if (!secret) throw failure(request, 'host-command', 'hypervisor-error', `there is no secret ${request.volumeId}`)
    secret.valueHash = valueHash
  }

  #luks(request: UnlockRequest): SimLuks {
    if (request.encryption?.provider === 'luks2') {
      throw failure(request, 'unsupported', 'encryption-unsupported', 'QEMU itself decrypts LUKS1 only')
    }
    return checkSimLuks(this.#world, request)
  }

  #checked(request: UnlockRequest, passphrase: Secret) {
    const luks = this.#luks(request)
    checkSimPassphrase(request, luks, passphrase)
    return { luks, standing: this.#find(request.volumeId) }
  }

  #find(volumeId: string) {
    const secret = [...this.#world.secrets.values()].find(each => each.usage === volumeId && isPassphrase(each))
    if (!secret || secret.uuid === volumeId) return secret && { ...secret }
    throw new HoldfastError(
      'conflict',
      'secret-foreign',
      `there is a secret ${secret.uuid} for volume ${volumeId} that Holdfast did not make`,
      { details: { volume: volumeId, layer: 'encryption', left: 'it was not touched' } },
    )
  }

  async lock({ volumeId }: LockRequest, signal?: AbortSignal): Promise<Change> {
    if (!(await this.#world.look(`native find ${volumeId}`, () => this.#find(volumeId), signal))) return 'already'
    const undefine = () => (this.#world.secrets.delete(volumeId) ? 'made' : 'already')
    return await this.#world.effect(`secret undefine ${volumeId}`, undefine, signal)
  }

  cost(request: UnlockRequest, signal?: AbortSignal): Promise<DerivationCost> {
    return this.#world.look(`native cost ${request.volumeId}`, () => simCost(this.#luks(request)), signal)
  }

  list(signal?: AbortSignal): Promise<readonly ViewFacts[]> {
    const views = () =>
      [...this.#world.secrets.values()]
        .filter(isPassphrase)
        .map(({ uuid, usage }) => ({ name: uuid, ...(uuid === usage && { volumeId: uuid }), holders: [] }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    return this.#world.look('secret list', views, signal)
  }

  probe(request: UnlockRequest, signal?: AbortSignal): Promise<GuestSource | undefined> {
    return this.#world.look(`native probe ${request.volumeId}`, () => this.#probe(request), signal)
  }

  #probe(request: UnlockRequest): GuestSource | undefined {
    const secret = this.#world.secrets.get(request.volumeId)
    if (secret?.usage !== request.volumeId || secret.valueHash === undefined) return undefined
    if (request.encryption?.provider !== 'luks') return undefined
    const luks = simLuksOrNothing(this.#world, request)
    return luks && secretView(request, luks)
  }
}

/** And not the key of a Ceph user. */
const isPassphrase = ({ purpose }: SimSecret): boolean => purpose !== 'ceph'

const secretView = ({ source, volumeId }: UnlockRequest, luks: SimLuks): GuestSource => ({
  mechanism: 'native',
  kind: source.kind,
  path: source.path,
  ...(source.network && { network: source.network }),
  sizeBytes: source.sizeBytes - luks.payloadOffsetBytes,
  secretUuid: volumeId,
  luksUuid: luks.uuid,
})

const simCost = ({ derivation }: SimLuks): DerivationCost => derivation ?? { memoryBytes: 0, threads: 1 }

import { isHoldfastError } from '#src/core/error.ts'
import type { FaultPoint } from '#src/sim/faults.ts'
import { noFaults } from '#src/sim/faults.ts'
import { simStoreDisk } from '#src/sim/store.ts'
import type { World } from '#src/sim/world.ts'
import { violations } from '#test/sim/invariants.ts'
import { secretsInTexts } from '#test/sim/secrets.ts'
import type { Explored } from './catalogue.ts'
import { fingerprint } from './fingerprint.ts'
import { checkLife, checkRecovered, recover } from './recovery.ts'
import { type Mechanism, openScene, processOn, type Scene } from './scene.ts'
import { Struck, type Trouble, troublesAt } from './troubles.ts'

export interface FaultViolation {
  readonly point: FaultPoint
  /** Of the trouble among those at this point. */
  readonly index: number
  readonly trouble: Trouble
  readonly told: readonly string[]
}

export interface FaultCounts {
  /** Effects and looks of the operation, times what can go wrong at each. */
  readonly points: number
  /** Those that were run; the others strike once although they would last, and so are the same as one that was. */
  readonly runs: number
  readonly violations: readonly FaultViolation[]
}

/** Explores everything that can go wrong at each effect and look of operations with volumes of one mechanism, with no death. */
export class FaultExploration {
  readonly #base: Promise<Scene>
  /** By the state that was reached: what the life after it came to. */
  readonly #lives = new Map<string, readonly string[]>()

  constructor(mechanism: Mechanism) {
    this.#base = openScene(mechanism)
  }

  async explore(operation: Explored, only?: (point: FaultPoint, index: number) => boolean): Promise<FaultCounts> {
    const cast = await this.#base
    const begin = cast.rig.world.fork()
    await operation.prepare?.(processOn(begin, cast))
    const whole = processOn(begin.fork(), cast)
    await operation.run(whole)
    const found: FaultViolation[] = []
    let points = 0
    let runs = 0
    for (const point of distinct(whole.rig.world.passed)) {
      const known = new Map<string, Tried>()
      for (const [index, trouble] of troublesAt(point).entries()) {
        if (only && !only(point, index)) continue
        points++
        let tried = sameAs(known, trouble)
        if (!tried) runs++
        tried ??= await this.#try(operation, processOn(begin.fork(), cast), begin, point, trouble)
        known.set(`${trouble.lasts} ${trouble.name}`, tried)
        if (tried.told.length > 0) found.push({ point, index, trouble, told: tried.told })
      }
    }
    return { points, runs, violations: found }
  }

  async #try(operation: Explored, scene: Scene, begin: World, point: FaultPoint, trouble: Trouble): Promise<Tried> {
    const { world } = scene.rig
    const struck = new Struck(trouble, point)
    world.faults = struck.plan
    const error = await failureOf(() => operation.run(scene))
    const { same, kindred } = struck
    world.faults = noFaults
    const told = [
      ...(error === undefined ? [] : checkError(error, scene, begin)),
      ...checkStates(scene, begin, point),
      ...(trouble.lasts === 'once' && trouble.fault.when === 'before' ? checkWayBack(operation, scene, point) : []),
      ...violations(scene.rig),
    ]
    const again = await failureOf(() => recover(scene, 'kill'))
    if (again !== undefined) told.push(`I9 what was left cannot be resumed: ${textOf(again)}`)
    told.push(...checkRecovered(scene), ...(await this.#life(scene)))
    return { told, struck: { same, kindred } }
  }

  async #life(scene: Scene): Promise<readonly string[]> {
    const key = fingerprint(scene.rig.world)
    const told = this.#lives.get(key) ?? (await checkLife(scene))
    this.#lives.set(key, told)
    return told
  }
}

interface Tried {
  readonly told: readonly string[]
  readonly struck: Pick<Struck, 'same' | 'kindred'>
}

/** What a trouble comes to that lasts, if it has nothing to strike again: the same as when it does not last. */
function sameAs(known: ReadonlyMap<string, Tried>, { name, lasts }: Trouble): Tried | undefined {
  const [once, on] = [known.get(`once ${name}`), known.get(`on ${name}`)]
  if (lasts === 'on') return once?.struck.same === false ? once : undefined
  if (lasts === 'all' && on?.struck.kindred === false) return on
  return undefined
}

/** Without looks that ask again what was asked before, while nothing was changed in between: polls of one wait. */
function distinct(passed: readonly FaultPoint[]): readonly FaultPoint[] {
  let asked = new Set<string>()
  return passed.filter(({ kind, name }) => {
    if (kind === 'effect') asked = new Set()
    const isNew = kind === 'effect' || !asked.has(name)
    asked.add(name)
    return isNew
  })
}

async function failureOf(run: () => Promise<unknown>): Promise<unknown> {
  try {
    await run()
    return undefined
  } catch (error) {
    return error
  }
}

const textOf = (error: unknown): string => (isHoldfastError(error) ? `${error.code}: ${error.message}` : String(error))

/** The operation that the scene's process began, if it came so far. */
const ownOperation = ({ rig: { world } }: Scene, begin: World) => {
  const before = simStoreDisk(begin).rows.operations
  return [...simStoreDisk(world).rows.operations.values()].find(
    ({ id, state }) => before.get(id)?.state !== state || !before.has(id),
  )
}

/** I6, I8: what the caller is told. */
function checkError(error: unknown, scene: Scene, begin: World): readonly string[] {
  if (!isHoldfastError(error)) return [`I8 ${String(error)} is no HoldfastError`]
  const { code, kind, message, details } = error
  const operation = ownOperation(scene, begin)
  const what = `'${code}: ${message}' ${JSON.stringify(details)}`
  const named = [scene.id, scene.spare, ...scene.volumes, details.instance, details.volume]
  return [
    ...(kind === 'internal' ? [`I8 ${what} is a defect`] : []),
    ...(operation && details.operation !== operation.id ? [`I8 ${what} does not tell the operation`] : []),
    ...(operation && !details.left && !details.hint ? [`I8 ${what} tells neither what is left nor what to do`] : []),
    ...(operation && !(details.instance || details.volume || named.some(id => id && message.includes(id)))
      ? [`I8 ${what} tells no instance and no volume`]
      : []),
    ...secretsInTexts(scene.rig.world, [what], 'an error'),
  ]
}

/** What the process took up ended in a state that it names; what could not be written is taken up by the next start. */
function checkStates({ rig: { world } }: Scene, begin: World, point: FaultPoint): readonly string[] {
  if (point.name.startsWith('store')) return []
  const before = simStoreDisk(begin).rows.operations
  return [...simStoreDisk(world).rows.operations.values()]
    .filter(({ id, state, version }) => state === 'running' && version !== before.get(id)?.version)
    .map(({ kind, id }) => `I9 ${kind} ${id} is still 'running'`)
}

/** Calls that end where they began, or can be made again, whatever single thing failed. Teardowns are driven forward. */
const WAYS_BACK: ReadonlySet<string> = new Set(
  ['create', 'start', 'stop', 'softReboot', 'hardReboot', 'attach'].map(name => `instances.${name}`),
)

/** I4: with one thing failing, once, nothing hinders the way back. */
function checkWayBack({ call }: Explored, { rig: { world } }: Scene, point: FaultPoint): readonly string[] {
  if (!WAYS_BACK.has(call) || point.name.startsWith('store')) return []
  return [...simStoreDisk(world).rows.operations.values()]
    .filter(({ state }) => state === 'stuck')
    .map(({ kind, id, error }) => `I4 ${kind} ${id} is stuck although one thing failed once: ${error?.left}`)
}

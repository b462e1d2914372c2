import { unfinished, violations } from '../invariants.ts'
import { doubtOf, isVolumeVerb, volumesNamed } from './doubt.ts'
import { farewell, left } from './finale.ts'
import { Mischief } from './mischief.ts'
import { type Outcome, perform } from './perform.ts'
import { type Abilities, EMPTY, forecast, type Picture, type Power, withInstance } from './picture.ts'
import { differences, entangled, settled, sightOf } from './sight.ts'
import { type Plant, Stage } from './stage.ts'
import { type HostEvent, type Operation, type Run, type Step, VOLUMES } from './steps.ts'
import { hostInWords, operationInWords, stepInWords } from './words.ts'

export interface Played {
  /** What happened, line by line; the same for the same seed and run. */
  readonly log: readonly string[]
  /** What is not as it should be after the last step of the log; empty if all was well. */
  readonly violations: readonly string[]
}

/** Plays a run on a host of its own, with every step judged, and in the end everything mended, resumed and deleted. */
export async function play(seed: number, run: Run, plant?: Plant): Promise<Played> {
  const player = new Player(await Stage.open(seed, run, plant))
  player.log.push(hostInWords(run))
  try {
    return { log: player.log, violations: await player.all([...run.opening, ...run.steps]) }
  } catch (error) {
    return { log: player.log, violations: [`the run itself broke: ${error instanceof Error ? error.stack : error}`] }
  }
}

/** Follows a run: `pictures` are all that may be true now. */
class Player {
  readonly log: string[] = []
  readonly #stage: Stage
  readonly #mischief: Mischief
  #pictures: readonly Picture[] = [EMPTY]

  constructor(stage: Stage) {
    this.#stage = stage
    this.#mischief = new Mischief(stage)
  }

  async all(steps: readonly Step[]): Promise<readonly string[]> {
    for (const [index, step] of steps.entries()) {
      const found = await this.#step(index + 1, step)
      if (found.length > 0) return found
    }
    return await this.#end()
  }

  async #step(number: number, step: Step): Promise<readonly string[]> {
    this.log.push(`${number}. ${stepInWords(step)}`)
    if ('event' in step) await this.#event(step.event)
    else await this.#operations('pair' in step ? step.pair : [step.operation], step)
    return this.#unexpected.length > 0 ? this.#unexpected : this.#look()
  }

  #unexpected: readonly string[] = []

  async #event(event: HostEvent): Promise<void> {
    if (!(await this.#mischief.happen(event))) this.log.push('   nothing to do that to')
    this.#pictures = this.#pictures.map(picture => afterEvent(picture, event))
  }

  async #operations(operations: readonly Operation[], step: Exclude<Step, { event: HostEvent }>): Promise<void> {
    const possible = operations.filter((operation, index) => this.#isPossible(operation) && !isTwin(operations, index))
    if (possible.length < operations.length) this.log.push('   nothing to do that to')
    const sight = sightOf(this.#stage)
    const doubt = (operation: Operation) =>
      doubtOf(operation, {
        stage: this.#stage,
        mischief: this.#mischief,
        pictures: this.#pictures,
        sight,
        together: possible,
      })
    const doubts = possible.map(doubt)
    const outcomes = await perform(this.#stage, possible, step.fault)
    const struck = this.#stage.struck.length > 0
    for (const line of this.#stage.struck) this.log.push(`   struck: ${line}`)
    for (const [index, outcome] of outcomes.entries()) this.log.push(`   ${inWords(possible, index, outcome)}`)
    const open = new Set([...sight.openInstances, ...sightOf(this.#stage).openInstances])
    const tangled = entangled(this.#pictures, sight)
    const judged = possible.map((operation, index) => ({
      operation,
      outcome: outcomes[index] as Outcome,
      doubt: struck ? 'a fault struck' : doubts[index],
      struck,
      open: 'instance' in operation && open.has(operation.instance),
      loose: volumesNamed(operation).some(name => tangled.has(name)),
      held: VOLUMES.some(name => this.#mischief.harmOf(name).has('held')),
      paired: possible.length > 1,
      abilities: this.#stage.run,
    }))
    this.#judge(judged)
  }

  /** What would not be a request at all. */
  #isPossible(operation: Operation): boolean {
    const { volumes } = sightOf(this.#stage).picture
    if (operation.do === 'create-volume') return volumes[operation.volume] === undefined
    if (operation.do === 'delete-snapshot') return (volumes[operation.volume]?.snapshots ?? 0) > 0
    return operation.do !== 'resume' || unfinished(this.#stage.rig).length > 0
  }

  #judge(judged: readonly Judged[]): void {
    const orders = judged.length > 1 ? [judged, judged.toReversed()] : [judged]
    const refusals: string[] = []
    const next = orders.flatMap(order => this.#pictures.flatMap(picture => follow(picture, order, refusals)))
    this.#unexpected = next.length > 0 ? internals(judged) : [refusals[0] ?? 'nothing was possible']
    this.#pictures = distinct(next)
  }

  #look(): readonly string[] {
    const sight = sightOf(this.#stage)
    const fitting = this.#pictures.filter(picture => differences(picture, sight).length === 0)
    const wrong = violations(this.#stage.rig).filter(line => !this.#mischief.excuses(line) && !isPassing(line))
    const [first = EMPTY] = this.#pictures
    const unlike = fitting.length > 0 ? [] : differences(first, sight)
    this.#pictures = distinct(fitting.map(picture => settled(picture, sight)))
    return [...wrong, ...unlike, ...this.#mischief.lost(), ...garbled(this.#stage)]
  }

  async #end(): Promise<readonly string[]> {
    this.log.push('at the end everything is mended, then resumed, rebooted and deleted:')
    this.#mischief.mend()
    for (const operation of farewell(this.#stage)) {
      this.log.push(`- ${operationInWords(operation)}`)
      await this.#operations([operation], { operation })
      const found = this.#unexpected.length > 0 ? this.#unexpected : this.#look()
      if (found.length > 0) return found
    }
    // A volume service settles what is half done when a process opens it.
    await this.#stage.restart()
    await this.#stage.rig.parts.volumes.getAll()
    return left(this.#stage)
  }
}

interface Judged {
  readonly operation: Operation
  readonly outcome: Outcome
  /** Why it may fail although the picture says that it should succeed. */
  readonly doubt: string | undefined
  readonly struck: boolean
  /** Its instance has an operation that is not ended, before or after it. */
  readonly open: boolean
  /** A volume of it is another operation's to settle: whether it has it or not can't be told. */
  readonly loose: boolean
  /** Somebody else uses a device of its volumes: no preflight sees that. */
  readonly held: boolean
  /** With another one at once. */
  readonly paired: boolean
  readonly abilities: Abilities
}

/** The pictures that are possible after these, in this order; why there are none is added to `refusals`. */
function follow(picture: Picture, order: readonly Judged[], refusals: string[]): readonly Picture[] {
  return order.reduce<readonly Picture[]>(
    (all, judged) => all.flatMap(each => after(each, judged, refusals)),
    [picture],
  )
}

function after(picture: Picture, judged: Judged, refusals: string[]): readonly Picture[] {
  const { operation, outcome, doubt, abilities } = judged
  const expected = forecast(picture, operation, abilities)
  const told = operationInWords(operation)
  if (outcome.state === 'stalled') {
    refusals.push(`'${told}' never ends`)
    return []
  }
  const must = expected.refusals
  // Of two at once one may see a volume that the other is about to delete.
  const going = judged.paired && must.includes('volume-not-found')
  if (outcome.state === 'done') {
    if (operation.do === 'host-resume' && doubt !== undefined) return [picture, expected.after, ...expected.halfway]
    // Whether a volume that goes with it could go is not known while another operation on it is not ended.
    if (operation.do === 'delete' && doubt !== undefined) return [expected.after, ...expected.halfway]
    if (must.length === 0) return [expected.after]
    if (judged.loose) return [picture, expected.after]
    refusals.push(`'${told}' was done, and had to be refused as ${must.join(' or ')}`)
    return []
  }
  if (outcome.state === 'failed') {
    if (must.includes(outcome.code) || (going && outcome.code === 'invalid-volume')) return [picture]
    if (expected.perhaps.includes(outcome.code)) return [picture, expected.after, ...expected.halfway]
    if (doubt === undefined) {
      refusals.push(`'${told}' failed although nothing was wrong with the host: ${outcome.code}: ${outcome.message}`)
      return []
    }
  }
  if (must.length > 0) return [picture]
  return isAllOrNothing(judged) ? [picture] : [picture, expected.after, ...expected.halfway]
}

/** A failure that no fault made in the middle of it: a preflight or an undo has left everything as it was. */
const isAllOrNothing = ({ operation, outcome, struck, open, held }: Judged): boolean =>
  outcome.state === 'failed' &&
  !struck &&
  !open &&
  !held &&
  ['create', 'start', 'hard-reboot', 'attach', 'detach'].includes(operation.do)

/** I8: a failure that is a defect of Holdfast's own. */
const internals = (judged: readonly Judged[]): readonly string[] =>
  judged.flatMap(({ operation, outcome }) =>
    outcome.state === 'failed' && outcome.kind === 'internal'
      ? [`I8 '${operationInWords(operation)}' failed with an internal error: ${outcome.message}`]
      : [],
  )

function inWords(operations: readonly Operation[], index: number, outcome: Outcome): string {
  const which = operations.length > 1 ? `${operationInWords(operations[index] as Operation)}: ` : ''
  return outcome.state === 'failed' ? `${which}failed, ${outcome.code}: ${outcome.message}` : `${which}${outcome.state}`
}

function afterEvent(picture: Picture, event: HostEvent): Picture {
  const ended =
    event.do === 'power-cut' ? Object.keys(picture.instances) : event.do === 'guest-ends' ? [event.instance] : []
  return ended.reduce((now, key) => {
    const name = key as keyof Picture['instances']
    const row = now.instances[name]
    const power = afterEnd(row?.power, event)
    return row && power ? withInstance(now, name, { ...row, power }) : now
  }, picture)
}

function afterEnd(power: Power | undefined, event: HostEvent): Power | undefined {
  if (event.do === 'power-cut') return power === 'on' || power === 'crashed' ? 'cut' : undefined
  return power === 'on' ? 'crashed' : undefined
}

const distinct = (pictures: readonly Picture[]): readonly Picture[] => [
  ...new Map(pictures.map(picture => [JSON.stringify(picture), picture])).values(),
]

/**
 * A volume whose delete was interrupted: the next thing asked of the volume service ends it. And a failure of the store
 * itself, which can't be in its journal.
 */
const isPassing = (line: string): boolean =>
  /^I4 volume \S+ is '(error_)?deleting'/.test(line) ||
  /^I9 .*(store commit|state database).* is none of its failures/.test(line)

/** The same verb on the same volume twice at once: they would name the same volume, snapshot or size. */
function isTwin(operations: readonly Operation[], index: number): boolean {
  const [one, other] = [operations[0], operations[index]]
  if (index === 0 || one?.do !== other?.do || !one || !other) return false
  return isVolumeVerb(one) && 'volume' in one && 'volume' in other && one.volume === other.volume
}

/** I10: what a guest was told is what was asked for, to the letter. */
function garbled(stage: Stage): readonly string[] {
  const { instances } = stage.disk.rows
  return [...stage.rig.libvirt.domains.values()].flatMap(({ id, name, live }) => {
    const row = instances.get(id)
    if (!row || !live || JSON.stringify(row.kernel) === JSON.stringify(live.kernel)) return []
    return [`I10 the guest of ${name} was told ${JSON.stringify(live.kernel)}, not ${JSON.stringify(row.kernel)}`]
  })
}

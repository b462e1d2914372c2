import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Connector } from '#src/connectors/connector.ts'
import type { Encryptor } from '#src/encryptors/encryptor.ts'
import type { Hypervisor } from '#src/hypervisor/hypervisor.ts'
import { play } from './random/play.ts'
import { toJson, toText } from './random/report.ts'
import { type Found, runAt, search } from './random/search.ts'
import type { Plant } from './random/stage.ts'
import type { Run } from './random/steps.ts'

const STEPS = 24
const SEEDS = Array.from({ length: 200 }, (_, index) => index + 1)

/** The object with some of its methods replaced. */
function wrapped<T extends object>(real: T, over: Partial<T>): T {
  return new Proxy(real, {
    get: (target, name) => {
      if (Object.hasOwn(over, name)) return over[name as keyof T]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const withEncryptor =
  (change: (real: Encryptor) => Partial<Encryptor>): Plant =>
  ({ encryptors }) => {
    const real = encryptors['dm-crypt']
    return { encryptors: { ...encryptors, 'dm-crypt': wrapped(real, change(real)) } }
  }

const withConnector =
  (change: (real: Connector) => Partial<Connector>): Plant =>
  ({ connectors }) => ({
    connectors: new Map([...connectors].map(([kind, real]) => [kind, wrapped(real, change(real))])),
  })

const withHypervisor =
  (change: (real: Hypervisor) => Partial<Hypervisor>): Plant =>
  ({ hypervisor }) => ({ hypervisor: wrapped(hypervisor, change(hypervisor)) })

/** Defects that somebody may make one day, and the number of the rule that they break. */
const DEFECTS: readonly { readonly name: string; readonly plant: Plant; readonly told: RegExp }[] = [
  {
    name: 'a disconnect that does nothing',
    plant: withConnector(() => ({ disconnect: async () => 'already' })),
    told: /^I4 loop device/,
  },
  {
    name: 'a lock that does nothing',
    plant: withEncryptor(() => ({ lock: async () => 'already' })),
    told: /^I4 mapping|held by mapping/,
  },
  {
    name: 'an encryptor that takes any mapping of the right name for its own',
    plant: withEncryptor(() => {
      const view = (volumeId: string) =>
        ({ mechanism: 'dm-crypt', kind: 'block', path: `/dev/mapper/crypt-${volumeId}`, sizeBytes: 0 }) as const
      return {
        check: async () => {},
        unlock: async ({ volumeId }) => ({ change: 'already', view: view(volumeId) }),
        probe: async ({ volumeId }) => view(volumeId),
      }
    }),
    told: /^I[12]|failed although nothing was wrong/,
  },
  {
    name: 'a hypervisor that never forgets a domain',
    plant: withHypervisor(() => ({ undefine: async () => 'already' })),
    told: /^I4 (domain|the configuration)/,
  },
  {
    name: 'a detach that pulls the plug of the guest',
    plant: withHypervisor(real => ({
      withdraw: async (id, volumeId, wait) => {
        await real.destroy(id, wait)
        return await real.withdraw(id, volumeId, wait)
      },
    })),
    told: /instance \w+ is .*"crashed".* should be .*"on"/,
  },
  {
    name: 'a volume service that forgets to give an attachment up',
    plant: ({ volumes }) => ({ volumes: wrapped(volumes, { attachmentDelete: async () => 'already' }) }),
    told: /^I4 (attachment|volume)/,
  },
  {
    name: 'a kernel command line that is cut at the first quote',
    plant: withHypervisor(real => ({
      define: async (spec, signal) => {
        const append = spec.kernel?.append?.split('"')[0]
        return await real.define(spec.kernel ? { ...spec, kernel: { ...spec.kernel, append } } : spec, signal)
      },
    })),
    told: /^I10/,
  },
]

async function firstFound(plant: Plant): Promise<Found> {
  for (const seed of SEEDS) {
    const found = await search({ seed, steps: STEPS, plant })
    if (found) return found
  }
  assert.fail('no run of all the seeds shows it')
}

describe('random runs', () => {
  const logs: string[] = []

  it(`are as they should be, for ${SEEDS.length} seeds`, async () => {
    for (const seed of SEEDS) {
      const { log, violations } = await play(seed, runAt({ seed, steps: STEPS }))
      assert.deepEqual(violations, [], `npm run sim -- --seed ${seed} --steps ${STEPS}`)
      logs.push(...log)
    }
  })

  it('did everything that there is to do, with success and without, and faults of every kind struck', () => {
    const all = logs.join('\n')
    const happened = (what: string) => assert.ok(new RegExp(what).test(all), `never happened: ${what}`)
    const verbs = [
      'create instance',
      'create volume',
      'attach',
      'detach',
      'delete',
      'start',
      'stop',
      'pull',
      'resume the oldest',
    ]
    const others = ['reboot \\w+ soft', 'reboot \\w+ hard', 'make a snapshot', 'extend volume']
    for (const verb of [...verbs, ...others, 'delete a snapshot', 'resume the host'])
      happened(`\\d\\. ${verb}.*\n(   struck.*\n)*   done`)
    for (const verb of [...verbs, ...others]) happened(`\\d\\. ${verb}.*\n(   struck.*\n)*   failed`)
    for (const what of ['die', 'fail', 'hang']) {
      for (const when of ['before', 'after']) {
        for (const where of ['store commit', 'libvirt', 'volumes']) happened(`struck: ${what} ${when} '${where}`)
      }
    }
    const events = [
      'power is cut',
      'process is killed',
      'vanishes',
      'grows',
      'exchanged',
      'goes away',
      'is full',
      'left over',
    ]
    for (const event of events) happened(event)
  })

  it('are the same for the same seed, to the letter', async () => {
    for (const seed of SEEDS.slice(0, 20)) {
      const run = runAt({ seed, steps: STEPS })
      assert.deepEqual(runAt({ seed, steps: STEPS }), run)
      assert.equal((await play(seed, run)).log.join('\n'), (await play(seed, run)).log.join('\n'))
    }
    assert.notDeepEqual(runAt({ seed: 1, steps: STEPS }), runAt({ seed: 2, steps: STEPS }))
    assert.equal(runAt({ seed: 1, steps: 100 }).steps.length, 91)
  })
})

describe('a planted defect', () => {
  for (const { name, plant, told } of DEFECTS) {
    it(`is found and told in a few steps: ${name}`, async () => {
      const found = await firstFound(plant)

      assert.match(found.violations.join('\n'), told)
      assert.ok(found.run.opening.length + found.run.steps.length <= 6, toText(tellOf(found)))
      const again = await search({ seed: found.seed, steps: STEPS, path: found.path, plant })
      assert.deepEqual([again?.log, again?.violations], [found.log, found.violations])
      assert.deepEqual((await play(found.seed, found.run)).violations, [])
    })
  }
})

const tellOf = (found: Found) => ({
  ...{ runs: 1, steps: STEPS, firstSeed: found.seed, lastSeed: found.seed, seconds: 1 },
  found,
})

describe('what was found', () => {
  const run: Run = { dmCrypt: true, prefers: 'native', opening: [], steps: [{ event: { do: 'kill' } }] }
  const found: Found = {
    ...{ run, seed: 7, steps: 30, path: '0:4', shrinks: 1 },
    ...{ log: ['a host', '1. the process is killed'], violations: ['I4 this is left over'] },
  }

  it('is told with the seed, what happened, and how to see it again', () => {
    const text = toText({ ...tellOf(found), steps: 30 })
    assert.match(text, /^seed 7, 30 steps: not all is as it should be\n {2}I4 this is left over\n/)
    assert.match(text, /1 of the 30 steps:\n {2}a host\n {2}1\. the process is killed\n/)
    assert.match(text, /npm run sim -- --seed 7 --steps 30 --path 0:4\n/)
  })

  it('is in the JSON too', () => {
    const { violation, well } = JSON.parse(toJson({ ...tellOf(found), steps: 30 }))
    assert.equal(well, false)
    assert.deepEqual(violation.run, run)
    assert.equal(violation.replay, 'npm run sim -- --seed 7 --steps 30 --path 0:4')
    assert.deepEqual(JSON.parse(toJson({ ...tellOf(found), found: undefined })).well, true)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import { listSteps, type Plan } from './plan.ts'
import { planAttach, planCreate, planDelete, planDetach, planHardReboot, planStop } from './plans.ts'

const instance: InstanceRecord = {
  id: 'i',
  name: 'web',
  availabilityZone: 'nova',
  memoryMib: 64,
  cpus: 1,
  interfaces: [{ portId: 'p', bridge: 'br0', mac: '52:54:00:00:00:01', tap: 'tapp' }],
  status: 'ACTIVE',
  wanted: 'running',
  priority: 0,
  createdAt: 0,
  version: 1,
}
const mapping = (volumeId: string, target: string): BlockDeviceMapping => ({
  id: `m-${volumeId}`,
  instanceId: 'i',
  volumeId,
  target,
  deleteOnTermination: volumeId === 'w',
  version: 1,
})
const recorded = { instance, mappings: [mapping('v', 'vda'), mapping('w', 'vdb')] }
const show = (plan: Plan) => listSteps(plan).map(({ step }) => `${step.action} ${step.subject}`)

describe('plans', () => {
  it('hard reboot looks first, tears down layers 4 to 2, and comes up verified', () => {
    assert.deepEqual(show(planHardReboot(recorded, { preflight: true })), [
      'preflight i',
      'destroy i',
      'unplug p',
      'lock v',
      'disconnect v',
      'lock w',
      'disconnect w',
      'undefine i',
      'connect v',
      'unlock v',
      'connect w',
      'unlock w',
      'plug p',
      'define i',
      'verify i',
      'start i',
      'await-running i',
    ])
  })

  it('never gives up an attachment or data on a reboot, start or stop', () => {
    const plans = [planHardReboot(recorded, { preflight: false }), planStop(recorded, { graceful: true })]
    for (const plan of plans) assert.doesNotMatch(show(plan).join(), /release|delete|forget/)
  })

  it('verifies before every start', () => {
    for (const plan of [planCreate(recorded), planHardReboot(recorded, { preflight: false })]) {
      const steps = show(plan)
      const verify = steps.indexOf('verify i')
      assert.ok(verify > steps.lastIndexOf('unlock w') && verify < steps.indexOf('start i'))
    }
  })

  it('attach goes up in order, and closes again what it opened where the instance is at rest', () => {
    const up = ['reserve v', 'export v', 'check v', 'connect v', 'unlock v', 'present v']
    assert.deepEqual(show(planAttach('v', true)), [...up, 'complete v'])
    assert.deepEqual(show(planAttach('v', false)), [...up, 'lock v', 'disconnect v', 'complete v'])
  })

  it('detach goes down in order and forgets the record last', () => {
    assert.deepEqual(show(planDetach('v')), [
      'begin-detaching v',
      'withdraw v',
      'lock v',
      'disconnect v',
      'release v',
      'forget-mapping v',
    ])
  })

  it('delete forgets the instance last and deletes only the volumes that go with it', () => {
    const steps = show(planDelete(recorded))
    assert.equal(steps.at(-1), 'forget-instance i')
    assert.deepEqual(
      steps.filter(step => step.startsWith('delete')),
      ['delete-volume w'],
    )
  })
})

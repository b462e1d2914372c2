import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeState, volume } from './testing/fake-holdfast.ts'
import { runCli } from './testing/run-cli.ts'

const MADE = 'a0000099-0000-4000-8000-000000000000'

describe('cloud check', () => {
  it('shows who one is and what is missing, and ends with 22 if anything is', async () => {
    const run = await runCli('cloud check --cloud prod')
    assert.equal(run.code, 22)
    assert.match(run.stdout, /^roles +member, creator$/m)
    assert.match(run.stdout, /^service token +no .*no service user is configured/m)
    const state = fakeState()
    state.cloud = { ...state.cloud, features: state.cloud.features.filter(({ available }) => available) }
    assert.equal((await runCli('cloud check --cloud prod', { state })).code, 0)
  })

  it('is an object with --json', async () => {
    const { cloud, features } = JSON.parse((await runCli('cloud check --json')).stdout)
    assert.equal(cloud, 'prod')
    assert.deepEqual(features[1], {
      name: 'service token',
      available: false,
      detail: 'no service user is configured',
      hint: 'configure service_user',
    })
  })
})

describe('limits', () => {
  it('are what is used of what there may be', async () => {
    const state = fakeState({ volumes: [volume()], limits: { volumes: 10, gigabytes: -1, snapshots: 0 } })
    const { stdout } = await runCli('limits', { state })
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map(line => line.split(/ +/).join(' ')),
      ['QUOTA USED LIMIT', 'volumes 1 10', 'gigabytes 10 none', 'snapshots 0 0'],
    )
    assert.equal(JSON.parse((await runCli('limits --json', { state })).stdout).maxTotalVolumes, 10)
  })
})

describe('a volume service that does what it accepted later', () => {
  const failing = () => {
    const state = fakeState()
    state.settled.set(MADE, volume({ id: MADE, status: 'error' }))
    state.messages.set(MADE, ['schedule allocate volume: Could not find any available weighted backend.'])
    return state
  }

  it('is waited for, and its failure told in its own words', async () => {
    const run = await runCli('volume create --size 1 data --cloud prod', { state: failing() })
    assert.equal(run.code, 7)
    assert.match(run.stderr, /could not make it: volume a0000099.* is 'error': .*weighted backend/)
    assert.match(run.stderr, /left: .*'error'/)
  })

  it('is not waited for with --async', async () => {
    const run = await runCli('volume create --size 1 data --cloud prod --async', { state: failing() })
    assert.deepEqual([run.code, run.stdout.includes(MADE)], [0, true])
  })

  it('fails a deletion that left the volume', async () => {
    const state = fakeState({ volumes: [volume()] })
    const { id } = volume()
    state.settled.set(id, volume({ status: 'error_deleting' }))
    const run = await runCli('volume delete data-1 --cloud prod', { state })
    assert.equal(run.code, 7)
    assert.match(run.stderr, /could not delete it: volume .* is 'error_deleting'/)
  })
})

describe('--cloud', () => {
  it('names the cloud on every command; `local` is the embedded volume service', async () => {
    const name = async (line: string, env: Record<string, string> = {}) =>
      (await runCli(line, { env: { HOLDFAST_STATE: '/state', ...env } })).opened[0]?.config.cloud.name
    assert.equal(await name('volume list'), undefined)
    assert.equal(await name('--cloud prod volume list'), 'prod')
    assert.equal(await name('volume list', { HOLDFAST_CLOUD: 'prod' }), 'prod')
    assert.equal(await name('volume list --cloud local', { HOLDFAST_CLOUD: 'prod' }), undefined)
  })

  it('takes no lock on the state for verbs on volumes alone', async () => {
    const mode = async (line: string) => (await runCli(line)).opened[0]?.mode
    assert.equal(await mode('volume create --size 1 x'), 'write')
    assert.equal(await mode('volume create --size 1 x --cloud prod'), 'read')
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeState, instance, operation, snapshot, volume, volumeType } from './testing/fake-holdfast.ts'
import { runCli } from './testing/run-cli.ts'

const A1 = 'a0000001-0000-4000-8000-000000000000'
const A2 = 'a0000002-0000-4000-8000-000000000000'
const C1 = 'c0000001-0000-4000-8000-000000000000'

const two = () => [
  volume(),
  volume({ id: A2, name: 'data-2', status: 'in-use', size: 200, encrypted: true, volumeType: 'luks2' }),
]

describe('--dry-run', () => {
  const state = () =>
    fakeState({
      volumes: two(),
      snapshots: [snapshot({ volumeId: A1 })],
      types: [volumeType()],
      instances: [instance()],
      operations: [operation({ state: 'stuck' })],
      limits: { volumes: 2, gigabytes: 220, snapshots: 1 },
    })
  const changing = [
    ['volume create --size 1 x', 20, /quota of volumes is 2/],
    ['volume create --size 5 --snapshot nightly x', 20, /does not fit into 5 GiB/],
    ['volume create --size 1 --image /nowhere/disk.raw x', 20, /no image file \/nowhere\/disk\.raw/],
    ['volume create --size 1 -- -x', 20, /not a valid name/],
    ['volume delete data-1', 20, /has snapshots: nightly/],
    ['volume delete data-2', 20, /is 'in-use'/],
    ['volume extend data-1 5', 20, /can only grow/],
    ['volume extend data-1 20', 0, /from 10 to 20 GiB/],
    ['volume extend data-1 100', 20, /quota of gigabytes/],
    ['volume type create luks2', 20, /there is a volume type luks2 already/],
    ['volume type create x --encryption-provider luks2 --multiattach', 20, /both encrypted and multiattach/],
    ['volume type delete luks2', 20, /in use by data-2/],
    ['snapshot create data-2', 20, /is 'in-use'/],
    ['snapshot create data-2 --force', 20, /quota of snapshots/],
    ['snapshot delete nightly', 0, /delete snapshot nightly/],
    ['instance create x --memory 64 --cpus 1', 0, /connect volume data-1/],
    ['instance start web-1', 0, /check what the way up needs\n {4}connect volume data-1/],
    ['instance stop web-1', 0, /connect/],
    ['instance reboot web-1', 0, /connect/],
    ['instance reboot web-1 --hard', 0, /connect/],
    ['instance attach web-1 data-1', 0, /connect/],
    ['instance detach web-1 data-1', 0, /connect/],
    ['instance delete web-1', 0, /connect/],
    [`operation resume ${C1}`, 0, /unlock data-1: started, end not recorded/],
  ] as const

  for (const [line, code, expected] of changing) {
    it(`${line} plans and changes nothing`, async () => {
      const words = line.replace('--', '--dry-run --').split(' ')
      const argv = line.includes('--') ? words : [...words, '--dry-run']
      const run = await runCli(argv, { state: state() })
      assert.match(run.stdout, expected)
      assert.equal(run.code, code)
      assert.match(run.stdout, code === 0 ? /^would do:\n/ : /^would be refused:\n/)
      assert.deepEqual(run.state.calls, [])
      assert.deepEqual(
        run.opened.map(({ mode }) => mode),
        ['read'],
      )
    })
  }

  it('says what a real run would meet', async () => {
    const problems = [
      { code: 'bridge-missing', message: 'there is no bridge br9', hint: 'ip link add br9 type bridge' },
    ]
    const run = await runCli('instance reboot web-1 --hard --dry-run', { state: { ...state(), problems } })
    assert.equal(run.code, 20)
    assert.match(run.stdout, /✘ there is no bridge br9\n {4}hint: ip link add/)
    const json = await runCli('instance reboot web-1 --hard --dry-run --json', { state: { ...state(), problems } })
    assert.deepEqual(JSON.parse(json.stdout).problems, problems)
    assert.equal(JSON.parse(json.stdout).kind, 'hard-reboot')
  })

  it('has nothing to resume of what is done', async () => {
    const run = await runCli(`operation resume ${C1} --dry-run`, { state: fakeState({ operations: [operation()] }) })
    assert.equal(run.code, 20)
    assert.match(run.stdout, /is done; there is nothing to resume/)
  })
})

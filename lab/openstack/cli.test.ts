import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Lab, openstackLab } from './cloud.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/holdfast.mjs', import.meta.url))

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The command line as a person or a program has it, against a cloud that is really there. */
describe('the command line on a real cloud', { timeout: 300_000 }, () => {
  let lab: Lab
  let state: string

  before(async () => {
    lab = await openstackLab()
    state = await mkdtemp(join(tmpdir(), 'holdfast-cli-'))
  })
  after(async () => {
    await rm(state, { recursive: true, force: true })
    await lab?.stop()
  })

  const holdfast = (user: string, line: string, more: Readonly<Record<string, string>> = {}) =>
    new Promise<Ended>(resolve => {
      const env = {
        PATH: process.env.PATH ?? '',
        HOLDFAST_STATE: state,
        HOLDFAST_CLOUD: `lab-${user}`,
        HOLDFAST_CLOUD_CLOUDS_FILE: lab.cloudsFile,
        HOLDFAST_SERVICE_USER_CLOUD: 'lab-nova',
        ...more,
      }
      execFile(process.execPath, [PROGRAM, ...line.split(' ')], { env }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
      })
    })
  const json = async (user: string, line: string) => {
    const { code, stdout, stderr } = await holdfast(user, `${line} --json`)
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout)
  }

  it('makes, grows, copies and deletes volumes, and waits for each', async () => {
    const made = await json('alt', 'volume create --size 1 cli-1')
    assert.deepEqual([made.status, made.size], ['available', 1])
    assert.equal((await json('alt', 'volume extend cli-1 2')).size, 2)
    const { id } = await json('alt', 'snapshot create cli-1 --name cli-copy')
    const ids = async (what: string) => (await json('alt', `${what} list`)).map((row: { id: string }) => row.id)
    assert.ok((await ids('snapshot')).includes(id))
    assert.ok((await json('alt', 'limits')).totalSnapshotsUsed >= 1)
    await json('alt', 'snapshot delete cli-copy')
    await json('alt', `volume delete ${made.id}`)
    assert.ok(!(await ids('snapshot')).includes(id))
    assert.ok(!(await ids('volume')).includes(made.id))
    assert.deepEqual(await json('alt', `attachment list --instance ${made.id}`), [])
  })

  it('checks the cloud: all there, no service user, no role for keys', async () => {
    const good = await holdfast('demo', 'cloud check')
    assert.equal(good.code, 0, good.stdout)
    assert.match(good.stdout, /block storage +yes +Cinder 3\.0 to 3\.\d+/)
    const alone = await holdfast('demo', 'cloud check', { HOLDFAST_SERVICE_USER_CLOUD: '' })
    assert.equal(alone.code, 22)
    assert.match(alone.stdout, /service token +no +no service user is configured/)
    const keyless = await holdfast('demo-nokey', 'cloud check')
    assert.equal(keyless.code, 22)
    assert.match(keyless.stdout, /key manager +no/)
  })

  it('tells wrong input and failures by exit code, code and words, and a second try works', async () => {
    const cases: readonly (readonly [
      user: string,
      line: string,
      exit: number,
      code: string,
      env?: Record<string, string>,
    ])[] = [
      ['nobody', 'volume list', 3, 'cloud-not-found'],
      ['demo', 'volume show 00000000-0000-4000-8000-000000000000', 3, 'volume-not-found'],
      ['demo', 'volume create --size 1 --type nothing x', 3, 'volume-type-not-found'],
      ['demo', 'volume create --size 1 --availability-zone mars x', 2, 'invalid-input'],
      ['demo', 'volume create --size 1 --image /etc/passwd x', 10, 'image-file-unsupported'],
      ['demo', 'volume create --size 1 --type nobackend cli-broken', 7, 'volume-error'],
      ['demo-nokey', 'volume create --size 1 --type luks x', 8, 'key-forbidden'],
      ['small', 'volume create --size 50 x', 6, 'over-quota'],
      ['demo', 'attachment delete 00000000-0000-4000-8000-000000000000 --yes', 3, 'attachment-not-found'],
      [
        'demo',
        'volume list',
        7,
        'volume-service-unavailable',
        { HOLDFAST_CLOUD_BLOCK_STORAGE_ENDPOINT: 'http://127.0.0.1:9/v3' },
      ],
      ['demo', 'volume list', 3, 'cloud-not-found', { HOLDFAST_CLOUD_CLOUDS_FILE: '/nowhere/clouds.yaml' }],
    ]
    for (const [user, line, exit, code, env] of cases) {
      const ended = await holdfast(user, `${line} --json`, env)
      const { error } = JSON.parse(ended.stderr.trim().split('\n').at(-1) ?? '')
      assert.deepEqual([ended.code, error.code, ended.stdout], [exit, code, ''], `${line}: ${ended.stderr}`)
      assert.doesNotMatch(ended.stderr, /demo-pw|service-pw|gAAAA/)
    }
    for (const { id } of await json('demo', 'volume list')) {
      if ((await json('demo', `volume show ${id}`)).name === 'cli-broken') await json('demo', `volume delete ${id}`)
    }
  })

  it('lets nobody in with a wrong password, and shows none', async () => {
    const env = {
      HOLDFAST_CLOUD: 'envvars',
      OS_AUTH_URL: lab.authUrl,
      OS_USERNAME: 'demo',
      OS_PASSWORD: 'not-the-password',
      OS_PROJECT_NAME: 'demo',
      OS_USER_DOMAIN_NAME: 'Default',
      OS_PROJECT_DOMAIN_NAME: 'Default',
    }
    const wrong = await holdfast('demo', 'volume list', env)
    assert.equal(wrong.code, 8)
    assert.match(wrong.stderr, /Keystone does not let user 'demo'.*req-/)
    assert.doesNotMatch(wrong.stderr, /not-the-password/)
    const right = await holdfast('demo', 'volume list', { ...env, OS_PASSWORD: lab.users.demo?.password ?? '' })
    assert.equal(right.code, 0, right.stderr)
  })
})

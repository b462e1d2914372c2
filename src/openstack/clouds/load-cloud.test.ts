import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { HoldfastError } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { type CloudSources, loadCloud } from './load-cloud.ts'

const host = createNodeHost()
const text = (secret: Secret | undefined) => secret && new TextDecoder().decode(secret.reveal())

const FILE = `
x-defaults: &domain
  user_domain_name: Default
  project_domain_name: Default
clouds:
  prod:
    auth: {<<: *domain, auth_url: 'https://keystone:5000/v3', username: holdfast, project_name: tenants}
    region_name: RegionOne
    interface: internal
    block_storage_endpoint_override: https://cinder:8776/v3/%(project_id)s
  credential:
    auth_type: v3applicationcredential
    auth: {auth_url: 'https://keystone:5000', application_credential_id: ac1, application_credential_secret: ac-secret}
  insecure:
    auth: {auth_url: 'https://keystone:5000', user_id: u1, project_id: p1, password: hidden}
    verify: false
`
const SECURE = 'clouds: {prod: {auth: {password: hidden-password}}}\n'

describe('clouds', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-clouds-'))
  })
  afterEach(async () => await rm(folder, { recursive: true }))

  const write = (name: string, content: string, mode = 0o600) => writeFile(join(folder, name), content, { mode })
  const load = (cloudName?: string, more: Partial<CloudSources> = {}) =>
    loadCloud({ host, environment: {}, workingDirectory: folder, homeDirectory: '/nowhere', cloudName, ...more })
  async function refused(work: Promise<unknown>, code: string, message: RegExp): Promise<void> {
    await assert.rejects(work, (error: unknown) => {
      assert.ok(error instanceof HoldfastError, String(error))
      assert.equal(error.code, code, error.message)
      assert.match(error.message, message)
      assert.doesNotMatch(inspect(error, { depth: 9 }), /hidden/)
      return true
    })
  }

  it('are read from clouds.yaml, their secrets from secure.yaml beside it', async () => {
    await write('clouds.yaml', FILE)
    await write('secure.yaml', SECURE)
    const { name, credentials, warnings } = await load('prod')
    assert.deepEqual([name, warnings], ['prod', []])
    const { method, scope, region } = credentials
    assert.deepEqual(scope, { type: 'project', project: { name: 'tenants', domain: { name: 'Default' } } })
    assert.deepEqual([region, credentials.interface], ['RegionOne', 'internal'])
    assert.ok(method.type === 'password')
    assert.deepEqual(
      [method.user, text(method.password)],
      [{ name: 'holdfast', domain: { name: 'Default' } }, 'hidden-password'],
    )
    assert.deepEqual(credentials.endpoints, { 'block-storage': 'https://cinder:8776/v3/%(project_id)s' })
    assert.doesNotMatch(inspect(credentials, { depth: 9 }), /hidden/)
  })

  it('may log in by application credential, without certificates, by ids', async () => {
    await write('clouds.yaml', FILE)
    const { method, scope } = (await load('credential')).credentials
    assert.ok(method.type === 'application-credential')
    assert.deepEqual([method.id, text(method.secret), scope.type], ['ac1', 'ac-secret', 'none'])
    const { credentials } = await load('insecure')
    assert.deepEqual([credentials.tls.insecure, credentials.scope], [true, { type: 'project', project: { id: 'p1' } }])
  })

  it('are looked for in the usual places, or where one is told', async () => {
    await mkdir(join(folder, '.config/openstack'), { recursive: true })
    await write('.config/openstack/clouds.yaml', FILE)
    const elsewhere = { workingDirectory: '/nowhere', homeDirectory: folder }
    assert.equal((await load('insecure', elsewhere)).name, 'insecure')
    await write('mine.yaml', FILE)
    const environment = { OS_CLIENT_CONFIG_FILE: join(folder, 'mine.yaml'), OS_CLOUD: 'insecure' }
    assert.equal((await load(undefined, { environment })).name, 'insecure')
    assert.equal((await load('insecure', { file: join(folder, 'mine.yaml') })).name, 'insecure')
  })

  it('come from OS_* variables too', async () => {
    const environment = {
      OS_AUTH_URL: 'http://127.0.0.1:5000/v3',
      OS_USERNAME: 'demo',
      OS_PASSWORD: 'hidden',
      OS_PROJECT_NAME: 'demo',
      OS_USER_DOMAIN_NAME: 'Default',
      OS_PROJECT_DOMAIN_NAME: 'Default',
      OS_REGION_NAME: 'RegionOne',
      OS_INTERFACE: 'publicURL',
      OS_VOLUME_API_VERSION: '3',
      OS_EMPTY: '',
    }
    for (const name of [undefined, 'envvars']) {
      const { name: found, credentials } = await load(name, { environment })
      assert.deepEqual([found, credentials.region, credentials.interface], ['envvars', 'RegionOne', 'public'])
      assert.ok(credentials.method.type === 'password')
    }
    const token = { OS_AUTH_URL: 'http://k/v3', OS_TOKEN: 'hidden', OS_PROJECT_ID: 'p1' }
    assert.equal((await load('envvars', { environment: token })).credentials.method.type, 'token')
    const system = { ...environment, OS_PROJECT_NAME: '', OS_SYSTEM_SCOPE: 'all' }
    assert.deepEqual((await load('envvars', { environment: system })).credentials.scope, { type: 'system' })
    await refused(load('envvars'), 'cloud-not-found', /OS_AUTH_URL/)
  })

  it('that are not there are told, with those that are', async () => {
    await refused(load('prod'), 'cloud-not-found', /there is no cloud 'prod': there is no .*clouds\.yaml/)
    await write('clouds.yaml', FILE)
    await refused(load('prd'), 'cloud-not-found', /there are: credential, insecure, prod/)
    await refused(load(), 'cloud-not-found', /not said which cloud/)
  })

  it('that are incomplete or wrong are refused, naming file, cloud and field', async () => {
    const bad = async (entry: string, message: RegExp, code = 'cloud-invalid') => {
      await write('clouds.yaml', `clouds: {bad: ${entry}}\n`)
      await refused(load('bad'), code, message)
    }
    const auth = "auth_url: 'http://k', username: u, password: hidden"
    await bad('{auth: {username: u}}', /cloud 'bad' of .*clouds\.yaml: .*user_domain_name is missing/)
    await bad(`{auth: {${auth}, user_domain_name: d, project_name: p}}`, /project_domain_name is missing/)
    await bad("{auth: {auth_url: 'http://k', user_id: u}}", /password is missing/)
    await bad('{auth: {user_id: u, password: hidden}}', /auth_url is missing/)
    await bad("{auth: {auth_url: 'k:5000', user_id: u, password: hidden}}", /not an address/)
    await bad(
      `{auth: {auth_url: 'http://k'}, auth_type: v3oidcpassword}`,
      /auth_type 'v3oidcpassword' is not supported/,
    )
    await bad("{auth: {auth_url: 'http://k', user_id: u, password: hidden}, interface: secret}", /interface 'secret'/)
    await bad("{auth: {auth_url: 'http://k', user_id: u, password: hidden}, cacert: /none.pem}", /no cacert file/)
    await bad('{profile: vexxhost, auth: {}}', /vendor profiles/)
    await bad("{auth: {auth_url: 'http://k', user_id: u, password: hidden}, identity_api_version: 2}", /Identity v2/)
    await bad('7', /cloud 'bad' is not a mapping/, 'clouds-file-invalid')
    for (const [content, message] of [
      ['clouds: {a: {password: "hidden}', /not YAML/],
      ['- 1', /not a mapping/],
      ['clouds: 1', /clouds is not a mapping/],
    ] as const) {
      await write('clouds.yaml', content)
      await refused(load('a'), 'clouds-file-invalid', message)
    }
  })

  it('with secrets that others may read are used, with a warning', async () => {
    await write('clouds.yaml', FILE)
    await chmod(join(folder, 'clouds.yaml'), 0o644)
    assert.match((await load('insecure')).warnings[0] ?? '', /clouds\.yaml has secrets.*chmod 600/)
    await write('clouds.yaml', "clouds: {a: {auth: {auth_url: 'http://k', user_id: u}}}")
    await write('secure.yaml', 'clouds: {a: {auth: {password: hidden}}}')
    assert.deepEqual((await load('a')).warnings, [])
  })
})

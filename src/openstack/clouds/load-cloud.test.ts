import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
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
    await bad(
      '{auth: {username: u, project_name: p}, interface: secret}',
      /cloud 'bad' of .*clouds\.yaml: auth_url is missing; user_domain_name is missing; password is missing; project_domain_name is missing; interface 'secret'/,
    )
    await bad('{auth: {}}', /auth_url is missing; username is missing \(or user_id\); .*; password is missing/)
    await bad('{auth: hidden}', /auth is not a mapping/)
    await bad("{auth: {auth_url: 'http://me:hidden@k', user_id: u, password: hidden}}", /has a user or password in it/)
    await bad("{auth: {auth_url: 'http://k', user_id: u, password: [hidden]}}", /auth: password is a list or a mapping/)
    await bad(
      "{auth: {auth_url: 'http://k', user_id: u, password: hidden}, region_name: [a, b]}",
      /region_name is a list or a mapping/,
    )
    await bad(
      "{auth_type: v3applicationcredential, auth: {auth_url: 'http://k'}}",
      /application_credential_id is missing \(or its name\); application_credential_secret is missing/,
    )
    await bad("{auth: {auth_url: 'http://k', application_credential_name: a}}", /username is missing/)
    await bad("{auth: {auth_url: 'http://k', user_id: u, password: hidden, system_scope: some}}", /'some' is not 'all'/)
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
    await bad('{cloud: vexxhost, auth: {}}', /vendor profiles/)
    await bad("{auth: {auth_url: 'http://k', user_id: u, password: hidden}, identity_api_version: 2}", /Identity v2/)
    await bad('7', /cloud 'bad' is not a mapping/, 'clouds-file-invalid')
    for (const [content, message] of [
      ['clouds: {a: {password: "hidden}', /not YAML/],
      ['- 1', /not a mapping/],
      ['clouds: {a: {auth: {password: hidden}}, a: {}}', /not YAML: line 1/],
      ['clouds: *hidden', /not YAML/],
      ['x: "\\xff', /not YAML/],
      ['clouds: 1', /clouds is not a mapping/],
    ] as const) {
      await write('clouds.yaml', content)
      await refused(load('a'), 'clouds-file-invalid', message)
    }
  })

  it('have numbers and truth values as they are written', async () => {
    const entry = (auth: string, more = '') =>
      write('clouds.yaml', `clouds: {a: {auth: {auth_url: 'http://k', user_id: u, ${auth}}${more}}}\n`)
    const password = async () => {
      const { method } = (await load('a')).credentials
      return method.type === 'password' ? text(method.password) : undefined
    }
    for (const word of ['0123', '1e5', '0x1F', 'True', '12345678901234567890', '1_0', '3.10']) {
      await entry(`password: ${word}`)
      assert.equal(await password(), word)
    }
    await entry('password: x, project_id: 00000000000000000000000000000123')
    assert.deepEqual((await load('a')).credentials.scope, {
      type: 'project',
      project: { id: '00000000000000000000000000000123' },
    })
    for (const word of ['false', 'False', 'no', '0']) {
      await entry('password: x', `, verify: ${word}, region_name: null`)
      const { credentials } = await load('a')
      assert.deepEqual([credentials.tls.insecure, credentials.region], [true, undefined])
    }
    await entry('password: x', ', verify: true')
    assert.equal((await load('a')).credentials.tls.insecure, false)
  })

  it('have the only region of a list, and service names', async () => {
    const entry = (more: string) =>
      write('clouds.yaml', `clouds: {a: {auth: {auth_url: 'http://k', user_id: u, password: x}, ${more}}}\n`)
    for (const regions of ['[one]', '[{name: one, values: {}}]']) {
      await entry(`regions: ${regions}, volume_service_name: old, block_storage_service_name: fast`)
      const { credentials } = await load('a')
      assert.deepEqual([credentials.region, credentials.serviceNames], ['one', { 'block-storage': 'fast' }])
    }
    await entry('regions: [one, two]')
    assert.equal((await load('a')).credentials.region, undefined)
    await entry('regions: [one], region_name: two')
    assert.equal((await load('a')).credentials.region, 'two')
  })

  it('have certificates and keys from files, by any kind of path, and only what is usable', async () => {
    const pem = await readFile(new URL('../../http/testing/client.pem', import.meta.url))
    const key = await readFile(new URL('../../http/testing/client-key.pem', import.meta.url))
    await write('ca.pem', pem.toString())
    await write('key.pem', key.toString())
    await write('both.pem', `${pem}${key}`)
    await write('locked.pem', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nhidden\n-----END ENCRYPTED PRIVATE KEY-----\n')
    const tls = async (more: string) => {
      const auth = "{auth_url: 'https://k', user_id: u, password: hidden}"
      await write('clouds.yaml', `clouds: {a: {auth: ${auth}, ${more}}}\n`)
      return (await load('a', { homeDirectory: folder })).credentials.tls
    }
    const whole = await tls(`cacert: ca.pem, cert: ~/ca.pem, key: ${folder}/key.pem`)
    assert.deepEqual([whole.ca, whole.certificate], [pem, pem])
    assert.equal(text(whole.key), key.toString())
    assert.doesNotMatch(inspect(whole.key), /PRIVATE|45, 45/)
    assert.match(text((await tls('cert: both.pem')).key) ?? '', /PRIVATE KEY/)
    await refused(tls('cacert: key.pem'), 'cloud-invalid', /cacert file .*key\.pem has no certificate/)
    await refused(tls('cert: ca.pem'), 'cloud-invalid', /key is missing beside cert/)
    await refused(tls('key: key.pem'), 'cloud-invalid', /cert is missing beside key/)
    await refused(tls('cert: ca.pem, key: locked.pem'), 'cloud-invalid', /locked\.pem has no key that is not encrypted/)
  })

  it('have their secrets in another file where one is told', async () => {
    await write('clouds.yaml', FILE)
    await write('elsewhere.yaml', SECURE)
    const environment = { OS_CLIENT_SECURE_FILE: join(folder, 'elsewhere.yaml') }
    const { method } = (await load('prod', { environment })).credentials
    assert.equal(method.type === 'password' && text(method.password), 'hidden-password')
    await refused(load('prod'), 'cloud-invalid', /password is missing/)
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

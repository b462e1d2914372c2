import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { FIELDS } from './fields.ts'
import { type ConfigSurroundings, loadConfig } from './load-config.ts'

const surroundings = (files: Record<string, string> = {}): ConfigSurroundings => ({
  readText: async path => files[path],
  exists: async path => path in files,
  machine: () => ({ hostName: 'host-1', processors: 4, freeMib: 3001 }),
  homeDirectory: () => '/home/ada',
  workingDirectory: () => '/srv',
})

const load = (
  yaml: string | undefined,
  given: {
    env?: Record<string, string>
    flags?: { state?: string; config?: string; cloud?: string }
    uid?: number
  } = {},
) =>
  loadConfig(
    { flags: given.flags ?? {}, env: given.env ?? {}, uid: given.uid ?? 0 },
    surroundings(yaml === undefined ? {} : { '/etc/holdfast/holdfast.yaml': yaml }),
  )

async function refusal(yaml: string): Promise<HoldfastError> {
  try {
    await load(yaml)
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error))
    assert.equal(error.code, 'config-invalid')
    assert.equal(error.kind, 'invalid-input')
    assert.match(error.message, /^\/etc\/holdfast\/holdfast\.yaml/)
    return error
  }
  throw new assert.AssertionError({ message: `accepted: ${yaml}` })
}

describe('configuration', () => {
  it('has a default for everything', async () => {
    // Without what has no value.
    assert.deepEqual(JSON.parse(JSON.stringify(await load(undefined))), {
      stateDirectory: '/var/lib/holdfast',
      keyFile: '/var/lib/holdfast/master.key',
      hostName: 'host-1',
      availabilityZone: 'nova',
      crossZoneAttach: true,
      libvirtSocket: '/run/libvirt/libvirt-sock',
      quotas: { volumes: -1, gigabytes: -1, snapshots: -1 },
      overcommit: true,
      encryption: { prefer: 'dm-crypt' },
      domainType: 'auto',
      history: { keepDays: 90, keepOperations: 1000 },
      bounds: { volumes: 8, instances: 16, processors: 4, keyDerivationMemoryMib: 1500, io: 8 },
      deadlines: {
        shutdown: 60,
        boot: 120,
        softReboot: 120,
        detach: 160,
        commands: 60,
        services: 30,
        resume: 1800,
        attachments: 180,
      },
      cloud: { interface: 'public', insecure: false, attachments: 'auto' },
      serviceUser: {},
      keys: { backend: 'auto' },
      vault: { auth: 'token', mount: 'secret', kvVersion: 2 },
      ceph: { folder: '/etc/ceph' },
    })
  })

  it('keeps state in the home of a user who is not root', async () => {
    assert.equal((await load(undefined, { uid: 1000 })).stateDirectory, '/home/ada/.local/state/holdfast')
    const env = { XDG_STATE_HOME: '/xdg' }
    assert.equal((await load(undefined, { uid: 1000, env })).stateDirectory, '/xdg/holdfast')
    assert.equal((await load(undefined, { uid: 0, env })).stateDirectory, '/var/lib/holdfast')
  })

  it('takes flags before environment before file', async () => {
    const yaml = 'state_directory: /file\nhost_name: from-file\ndeadlines: {boot: 7}\n'
    const env = { HOLDFAST_STATE: '/env', HOLDFAST_DEADLINES_BOOT: '9' }
    assert.equal((await load(yaml)).stateDirectory, '/file')
    assert.equal((await load(yaml, { env })).stateDirectory, '/env')
    const all = await load(yaml, { env, flags: { state: '/flag' } })
    assert.equal(all.stateDirectory, '/flag')
    assert.equal(all.keyFile, '/flag/master.key')
    assert.equal(all.hostName, 'from-file')
    assert.equal(all.deadlines.boot, 9)
    assert.equal(all.file, '/etc/holdfast/holdfast.yaml')
  })

  it('reads every field of the table from the file and from the environment', async () => {
    const sample = (field: (typeof FIELDS)[number]) => {
      const { kind } = field
      if (kind.type === 'integer') return kind.maximum
      if (kind.type === 'boolean') return field.fallback !== true
      if (kind.type === 'choice') return kind.choices.at(-1) ?? ''
      return kind.type === 'path' ? `/${field.key}` : `x-${field.key}`
    }
    const nested: Record<string, unknown> = {}
    const env: Record<string, string> = {}
    for (const field of FIELDS) {
      const [section = '', inner] = field.key.split('.')
      const value = sample(field)
      nested[section] = inner === undefined ? value : { ...(nested[section] as object | undefined), [inner]: value }
      env[field.variable] = String(value)
    }
    const { file, ...byFile } = await load(JSON.stringify(nested))
    const { file: none, ...byEnvironment } = await load(undefined, { env })
    assert.deepEqual(byFile, byEnvironment)
    assert.equal(file, '/etc/holdfast/holdfast.yaml')
    assert.equal(none, undefined)
    const leaves = (value: unknown): unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [value]
    assert.deepEqual(leaves(byFile).map(String).sort(), FIELDS.map(sample).map(String).sort())
  })

  it('knows who logs in to a cloud from its own fields, and where the embedded volume service is meant', async () => {
    const yaml =
      'cloud: {name: prod, auth_url: "https://k:5000/v3", username: holdfast, password_file: /run/pw, rbd_pools: "volumes, fast"}\n'
    const { cloud, serviceUser } = await load(`${yaml}service_user: {username: nova, password_file: /run/nova}\n`)
    assert.deepEqual([cloud.name, cloud.login?.username, cloud.login?.passwordFile], ['prod', 'holdfast', '/run/pw'])
    assert.deepEqual(cloud.rbdPools, ['volumes', 'fast'])
    assert.deepEqual([serviceUser.login?.authUrl, serviceUser.login?.username], ['https://k:5000/v3', 'nova'])
    assert.equal((await load(yaml, { flags: { cloud: 'local' } })).cloud.name, undefined)
    assert.equal((await load(yaml, { flags: { cloud: 'other' } })).cloud.name, 'other')
    assert.equal((await load('cloud: {auth_url: "https://k:5000"}')).cloud.login, undefined)
  })

  it('takes relative paths of flags and environment from the working directory', async () => {
    assert.equal((await load(undefined, { flags: { state: 'here' } })).stateDirectory, '/srv/here')
    assert.equal((await load(undefined, { env: { HOLDFAST_STATE: '../up' } })).stateDirectory, '/up')
  })

  it('takes the systemd credential as key file if it is there', async () => {
    const env = { CREDENTIALS_DIRECTORY: '/run/credentials/holdfast' }
    const there = surroundings({ '/run/credentials/holdfast/holdfast-master-key': '' })
    const config = await loadConfig({ flags: {}, env, uid: 0 }, there)
    assert.equal(config.keyFile, '/run/credentials/holdfast/holdfast-master-key')
    assert.equal((await load(undefined, { env })).keyFile, '/var/lib/holdfast/master.key')
    const named = { ...env, HOLDFAST_KEY_FILE: '/k' }
    assert.equal((await loadConfig({ flags: {}, env: named, uid: 0 }, there)).keyFile, '/k')
  })

  it('wants a file that was named to be there', async () => {
    for (const given of [{ flags: { config: 'no.yaml' } }, { env: { HOLDFAST_CONFIG: '/srv/no.yaml' } }]) {
      await assert.rejects(load(undefined, given), { code: 'config-invalid', message: /\/srv\/no\.yaml/ })
    }
  })

  it('refuses bad environment variables by name', async () => {
    for (const [name, value, allowed] of [
      ['HOLDFAST_OVERCOMMIT', 'yes', /true or false/],
      ['HOLDFAST_BOUNDS_VOLUMES', '0', /integer from 1 to 256/],
      ['HOLDFAST_QUOTAS_VOLUMES', '1.5', /integer from -1/],
      ['HOLDFAST_DOMAIN_TYPE', 'xen', /one of auto, kvm, qemu/],
    ] as const) {
      await assert.rejects(load(undefined, { env: { [name]: value } }), (error: HoldfastError) => {
        assert.equal(error.code, 'config-invalid')
        assert.match(error.message, new RegExp(name))
        assert.match(error.message, allowed)
        return true
      })
    }
  })
})

describe('configuration file', () => {
  it('may be empty', async () => {
    assert.equal((await load('')).availabilityZone, 'nova')
    assert.equal((await load('# nothing\n')).availabilityZone, 'nova')
  })

  it('names an unknown field, what is allowed and what was meant', async () => {
    const error = await refusal('avalability_zone: x\n')
    assert.match(error.message, /unknown field avalability_zone/)
    assert.match(error.details.hint ?? '', /did you mean availability_zone\?/)
    const inner = await refusal('quotas: {volume: 3}\n')
    assert.match(inner.message, /unknown field quotas\.volume/)
    assert.match(inner.details.hint ?? '', /did you mean volumes\? allowed: volumes, gigabytes, snapshots/)
    assert.match((await refusal('__proto__: {overcommit: false}\n')).message, /unknown field __proto__/)
  })

  it('names a field of the wrong type and what is allowed', async () => {
    for (const [yaml, message] of [
      ['overcommit: "no"', /field overcommit is "no", but must be true or false/],
      ['quotas: {gigabytes: many}', /field quotas\.gigabytes is "many", but must be an integer from -1/],
      ['quotas: 3', /field quotas is 3, but must be a mapping of volumes, gigabytes, snapshots/],
      ['bounds: {volumes: 0}', /field bounds\.volumes is 0, but must be an integer from 1 to 256/],
      ['deadlines: {boot: 1.5}', /field deadlines\.boot is 1\.5, but must be an integer/],
      ['domain_type: xen', /field domain_type is "xen", but must be one of auto, kvm, qemu/],
      ['state_directory: relative/path', /field state_directory is "relative\/path", but must be an absolute path/],
      ['host_name: ""', /field host_name is "", but must be a text/],
      ['- a\n- b', /at the top/],
    ] as const) {
      assert.match((await refusal(yaml)).message, message)
    }
  })

  it('is data: no tags, no aliases, no repeated keys, one document', async () => {
    for (const yaml of [
      'host_name: !!js/function "function () { return 1 }"',
      'host_name: !custom x',
      'quotas: &q {volumes: 1}\nbounds: *q',
      'host_name: a\nhost_name: b',
      'host_name: a\n---\nhost_name: b',
      'host_name: [unclosed',
      'host_name: "\\u0007"\n\t- x',
    ]) {
      await refusal(yaml)
    }
    assert.match((await refusal('a: 1\nhost_name: "unclosed\n')).message, /line \d+, column \d+/)
  })

  it('does not grow by aliases of aliases', async () => {
    const lines = ['a0: &a0 [x, x]']
    for (let level = 1; level < 30; level++) lines.push(`a${level}: &a${level} [*a${level - 1}, *a${level - 1}]`)
    assert.match((await refusal(lines.join('\n'))).message, /aliases/)
  })
})

describe('configuration file on disk', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('is read by --config', async () => {
    const file = join(folder, 'a.yaml')
    await writeFile(file, 'host_name: from-disk\n')
    const config = await loadConfig({ flags: { config: file }, env: {}, uid: 0 })
    assert.equal(config.hostName, 'from-disk')
    assert.equal(config.file, file)
  })

  it('is refused if it is no text, too long or a folder', async () => {
    const binary = join(folder, 'b.yaml')
    await writeFile(binary, new Uint8Array([0xff, 0xfe, 0x80]))
    const long = join(folder, 'c.yaml')
    await writeFile(long, '#'.repeat(300_000))
    const directory = join(folder, 'd.yaml')
    await mkdir(directory)
    await chmod(directory, 0o700)
    for (const [config, message] of [
      [binary, /b\.yaml is not UTF-8/],
      [long, /c\.yaml is longer/],
      [directory, /cannot read .*d\.yaml/],
    ] as const) {
      await assert.rejects(loadConfig({ flags: { config }, env: {}, uid: 0 }), { code: 'config-invalid', message })
    }
  })
})

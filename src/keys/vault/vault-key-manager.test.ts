import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type HoldfastError, hasCode } from '#src/core/error.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import type { HttpTransport } from '#src/http/transport.ts'
import { UndiciTransport } from '#src/http/undici-transport.ts'
import type { VaultAuth, VaultOptions } from './options.ts'
import { type FakeVault, startFakeVault } from './testing/fake-vault.ts'
import { VaultKeyManager } from './vault-key-manager.ts'

const AES = { algorithm: 'aes', bitLength: 256 } as const
const ID = '6ba7b810-9dad-41d1-80b4-00c04fd430c8'
const NAME = ID.replaceAll('-', '')
const DIGITS = '00ff'.padEnd(64, '3c')

describe('keys in Vault', () => {
  let vault: FakeVault
  let folder: string
  let transport: UndiciTransport
  const pauses: number[] = []
  beforeEach(async () => {
    vault = await startFakeVault()
    folder = await mkdtemp(join(tmpdir(), 'holdfast-vault-'))
    transport = new UndiciTransport()
    pauses.length = 0
    vault.state.mounts.set('secret', { version: 2, entries: new Map() })
    vault.state.mounts.set('old/kv', { version: 1, entries: new Map() })
    vault.state.approles.set('role-1', 'secret-1')
    vault.state.jwtRoles.set('host', 'eyJh.eyJz.c2ln')
    await file('token', 'hvs.file')
    await file('secret-id', 'secret-1')
    await writeFile(join(folder, 'jwt'), 'eyJh.eyJz.c2ln', { mode: 0o644 })
    vault.state.tokens.set('hvs.file', { end: undefined, renewable: false, longest: 0, allowed: [''] })
  })
  afterEach(async () => {
    await transport.close()
    await vault[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  async function file(name: string, text: string): Promise<void> {
    await writeFile(join(folder, name), `${text}\n`, { mode: 0o600 })
  }
  const at = (name: string) => ({ path: join(folder, name), kind: 'given' }) as const
  const sleep = async (ms: number) => {
    pauses.push(ms)
  }
  const clock = { now: () => 1_763_877_600_000, monotonic: () => vault.state.now, sleep }
  const host = { ...createNodeHost(), clock }
  const TOKEN = (): VaultAuth => ({ method: 'token', file: at('token') })
  const APPROLE = (): VaultAuth => ({ method: 'approle', roleId: 'role-1', secretId: at('secret-id') })
  const open = (options: Partial<VaultOptions> = {}) =>
    new VaultKeyManager(host, transport, { url: vault.url, mount: 'secret', version: 2, auth: TOKEN(), ...options })
  const old = () => open({ mount: 'old/kv', version: 1 })
  const entries = () => vault.state.entries('secret')
  const put = (fields: Record<string, unknown>) => entries().set(NAME, { versions: [{ ...record, ...fields }] })
  const record = { type: 'symmetric', value: DIGITS, algorithm: 'AES', bit_length: 256, name: null, created: null }
  const refused = async (work: Promise<unknown>, code: string, pattern: RegExp) =>
    await assert.rejects(work, (error: HoldfastError) => {
      assert.equal(error.code, code, error.message)
      assert.match(error.message, pattern)
      return true
    })
  const asked = () => vault.state.calls.map(({ method, path }) => `${method} ${path}`)

  it('stores a key as castellan does', async () => {
    for (const [keys, mount] of [
      [open(), 'secret'],
      [old(), 'old/kv'],
    ] as const) {
      const id = await keys.create({ ...AES, name: 'a "value": "x"' })
      const stored = vault.state.entries(mount).get(id.replaceAll('-', ''))?.versions[0]
      const { value, ...rest } = stored ?? {}
      assert.match(String(value), /^[0-9a-f]{64}$/)
      const created = 1_763_877_600
      assert.deepEqual(rest, { type: 'symmetric', algorithm: 'aes', bit_length: 256, name: 'a "value": "x"', created })
      const { secret, ...key } = await keys.get(id)
      assert.equal(Buffer.from(secret.reveal()).toString('hex'), value)
      assert.deepEqual(key, { id, algorithm: 'aes', bitLength: 256 })
    }
  })

  it('reads what castellan stored, by its id in either form, leading zeros kept', async () => {
    put({})
    for (const id of [ID, NAME]) {
      const { secret, ...key } = await open().get(id)
      assert.equal(Buffer.from(secret.reveal()).toString('hex'), DIGITS)
      assert.deepEqual(key, { id: ID, algorithm: 'aes', bitLength: 256 })
    }
    put({ type: 'passphrase', algorithm: null, bit_length: null, value: '70c3bc', name: 'quoted \\"value\\": 1' })
    const { secret, ...key } = await open().get(ID)
    assert.equal(Buffer.from(secret.reveal()).toString(), 'pü')
    assert.deepEqual(key, { id: ID, algorithm: 'passphrase', bitLength: 24 })
    assert.deepEqual(await open().list(), [ID])
    assert.equal(await open().delete(NAME), 'made')
  })

  it('refuses an entry that is not as castellan writes them', async () => {
    for (const [fields, code] of [
      [{ value: 7 }, 'key-store-corrupt'],
      [{ value: undefined }, 'key-store-corrupt'],
      [{ value: '' }, 'key-store-corrupt'],
      [{ value: `${DIGITS}0` }, 'key-store-corrupt'],
      [{ value: DIGITS.replace('3c', 'zz') }, 'key-store-corrupt'],
      [{ bit_length: 512 }, 'key-store-corrupt'],
      [{ bit_length: null }, 'key-store-corrupt'],
      [{ bit_length: '256' }, 'key-store-corrupt'],
      [{ algorithm: 7 }, 'key-store-corrupt'],
      [{ more: { value: 'ab' } }, 'key-store-corrupt'],
      [{ type: 'private' }, 'key-type-unsupported'],
      [{ type: undefined }, 'key-type-unsupported'],
    ] as const) {
      put(fields)
      await refused(open().get(ID), code, new RegExp(ID))
    }
    vault.state.fault = () => ({ status: 200, body: `{"value":"${DIGITS}", oh no` })
    await refused(open().get(ID), 'key-store-corrupt', /not JSON/)
  })

  it('leaves no key in what was sent and what came (I6)', async () => {
    const bodies: Uint8Array[] = []
    const watched: HttpTransport = {
      close: async () => {},
      send: async request => {
        if (request.body instanceof Uint8Array) bodies.push(request.body)
        const response = await transport.send(request)
        bodies.push(response.body)
        return response
      },
    }
    for (const [mount, version] of [
      ['secret', 2],
      ['old/kv', 1],
    ] as const) {
      const keys = new VaultKeyManager(host, watched, { url: vault.url, mount, version, auth: TOKEN() })
      const id = await keys.create(AES)
      using secret = (await keys.get(id)).secret
      await keys.delete(id)
      const hex = Buffer.from(secret.reveal()).toString('hex')
      for (const body of bodies) assert.ok(!Buffer.from(body).toString().includes(hex.slice(0, 8)))
    }
    assert.ok(bodies.length >= 8)
  })

  it('never overwrites, and knows its own first try', async () => {
    let lost = 0
    vault.state.fault = call => (call.method === 'POST' && lost++ === 0 ? 'lost' : undefined)
    const id = await open().create(AES)
    assert.equal(entries().get(id.replaceAll('-', ''))?.versions.length, 1)
    assert.equal((await open().get(id)).bitLength, 256)
    const random = { ...host.random, uuid: () => ID }
    const same = new VaultKeyManager({ ...host, random }, transport, {
      url: vault.url,
      mount: 'secret',
      version: 2,
      auth: TOKEN(),
    })
    put({})
    await refused(same.create(AES), 'key-refused', /check-and-set/)
    assert.deepEqual(entries().get(NAME)?.versions, [record])
  })

  it('deletes all versions of an entry', async () => {
    entries().set(NAME, { versions: [record, record] })
    assert.equal(await open().delete(ID), 'made')
    assert.equal(entries().has(NAME), false)
    entries().set(NAME, { versions: [record, undefined] })
    await refused(open().get(ID), 'key-not-found', new RegExp(ID))
    assert.equal(await open().delete(ID), 'made')
    assert.equal(await open().delete(ID), 'already')
  })

  it('lists what is named like a key', async () => {
    const id = await open({ path: 'a/b c' }).create(AES)
    for (const name of ['a/b c/other', `a/b c/d/${NAME}`, `a/b c/${ID}`, NAME]) entries().set(name, { versions: [{}] })
    assert.deepEqual(await open({ path: 'a/b c' }).list(), [id])
    assert.deepEqual(await open().list(), [ID])
    assert.deepEqual(await open({ path: 'nothing' }).list(), [])
  })

  it('tells a wrong mount, path or version from a key that is not there', async () => {
    for (const keys of [open({ mount: 'nowhere' }), open({ version: 1 })]) {
      for (const work of [() => keys.get(ID), () => keys.delete(ID), () => keys.create(AES), () => keys.list()]) {
        await refused(work(), 'vault-path-wrong', /no handler|versioned K\/V/)
      }
    }
    await refused(open({ mount: 'old/kv', version: 2 }).create(AES), 'vault-path-wrong', /seems to be of version 1/)
    for (const path of ['/a', 'a/', 'a//b', '../x', '.', '']) {
      assert.throws(
        () => open({ path }),
        error => hasCode(error, 'vault-path-invalid'),
      )
    }
  })

  it('does not believe what is not from Vault that a key is gone', async () => {
    for (const body of ['<html>Not Found</html>', '', {}, [], 'null']) {
      vault.state.fault = () => ({ status: 404, body })
      for (const work of [() => open().get(ID), () => open().delete(ID), () => open().list()]) {
        await refused(work(), 'vault-path-wrong', /answered 404/)
      }
    }
  })

  it('sends nothing for an id that is none', async () => {
    for (const id of ['', '..', NAME.toUpperCase(), `${NAME}0`, `${ID}/x`]) {
      await refused(open().get(id), 'key-not-found', /there is no key/)
      assert.equal(await open().delete(id), 'already')
    }
    assert.deepEqual(asked(), [])
  })

  it('speaks within its namespace', async () => {
    vault.state.namespace = 'team/volumes'
    const id = await open({ namespace: 'team/volumes' }).create(AES)
    assert.equal((await open({ namespace: 'team/volumes', auth: APPROLE() }).get(id)).id, id)
    await refused(open({ namespace: 'team' }).get(id), 'vault-path-wrong', /namespace/)
    await refused(open().get(id), 'vault-path-wrong', /namespace/)
  })

  it('keeps a refusal a refusal', async () => {
    vault.state.tokens.set('hvs.file', { end: undefined, renewable: false, longest: 0, allowed: ['other/'] })
    for (const work of [() => open().get(ID), () => open().create(AES), () => open().delete(ID), () => open().list()]) {
      await refused(work(), 'key-forbidden', /403: permission denied/)
    }
    assert.deepEqual(pauses, [])
  })

  it('asks again in an outage, with pauses, and then tells it', async () => {
    const down = [500, 502, 503, 412, 429]
    for (const status of down) {
      let tries = 0
      vault.state.fault = () => (tries++ < 2 ? { status, body: '<html>' } : undefined)
      assert.deepEqual(await open().list(), [])
      vault.state.fault = () => ({ status, body: { errors: ['it burns'] } })
      await refused(open().list(), 'key-manager-unavailable', new RegExp(`${status}: it burns`))
    }
    assert.equal(pauses.length, 4 * down.length)
    assert.ok(pauses.every((pause, index) => pause >= (index % 2 ? 200 : 100) && pause < (index % 2 ? 600 : 300)))
  })

  it('does not wait for a Vault that is sealed, stands by, or is not there', async () => {
    vault.state.sealed = true
    await refused(open().get(ID), 'key-manager-unavailable', /503: Vault is sealed/)
    Object.assign(vault.state, {
      sealed: false,
      fault: () => ({ status: 307, headers: { location: 'http://elsewhere' } }),
    })
    await refused(open().get(ID), 'key-manager-unavailable', /the active one is elsewhere/)
    assert.deepEqual(pauses, [])
    await vault[Symbol.asyncDispose]()
    await refused(open().get(ID), 'key-manager-unavailable', /nothing listens there/)
    vault = await startFakeVault()
  })

  it('refuses answers that are not as documented', async () => {
    for (const body of ['<html>', '[]', 'null', { data: {} }, { data: { keys: [7] } }, { data: null }]) {
      vault.state.fault = () => ({ status: 200, body })
      await refused(open().list(), 'reply-malformed', /asked to list its keys/)
    }
  })

  describe('the login', () => {
    const jwt = (method: 'jwt' | 'kubernetes'): VaultAuth => ({ method, role: 'host', path: join(folder, 'jwt') })

    it('is by token, AppRole, JWT or Kubernetes', async () => {
      const mounted: VaultAuth = { ...APPROLE(), mount: 'roles/of/hosts' } as VaultAuth
      vault.state.approles.set('role-2', undefined)
      const bare: VaultAuth = { method: 'approle', roleId: 'role-2' }
      for (const auth of [TOKEN(), APPROLE(), mounted, bare, jwt('jwt'), jwt('kubernetes')]) {
        assert.deepEqual(await open({ auth }).list(), [])
      }
      assert.equal(vault.state.logins, 5)
    })

    it('is told when it is refused, without what was sent', async () => {
      await file('secret-id', 'wrong-one')
      await writeFile(join(folder, 'jwt'), 'wrong-one')
      vault.state.approles.set('role-1', 'secret-1')
      for (const auth of [APPROLE(), jwt('kubernetes')]) {
        await assert.rejects(open({ auth }).list(), (error: HoldfastError) => {
          assert.deepEqual([error.kind, error.code], ['forbidden', 'vault-login-refused'])
          assert.match(error.message, /invalid role or secret ID|permission denied/)
          assert.ok(!error.message.includes('wrong-one'))
          return true
        })
      }
      await refused(
        open({ auth: { ...APPROLE(), mount: 'gone' } as VaultAuth }).list(),
        'vault-path-wrong',
        /auth\/gone/,
      )
    })

    it('needs its files, and closed ones', async () => {
      await chmod(join(folder, 'secret-id'), 0o644)
      await refused(open({ auth: APPROLE() }).list(), 'key-file-mode', /secret id .* mode 0644/)
      await chmod(join(folder, 'secret-id'), 0o440)
      assert.deepEqual(await open({ auth: APPROLE() }).list(), [])
      await file('token', 'two words')
      await refused(open().list(), 'vault-credential-missing', /does not hold one token/)
      await rm(join(folder, 'token'))
      await refused(open().list(), 'vault-credential-missing', /no token at/)
      assert.deepEqual(pauses, [])
    })

    it('is one for many callers', async () => {
      const keys = open({ auth: APPROLE() })
      await Promise.all(Array.from({ length: 10 }, () => keys.list()))
      assert.equal(vault.state.logins, 1)
    })

    it('is renewed before its end, and done anew when it can be renewed no further', async () => {
      vault.state.longestMs = 9_000_000
      const keys = open({ auth: APPROLE() })
      const counts = []
      for (const minute of [0, 39, 41, 80, 82, 122, 150]) {
        vault.state.now = minute * 60_000
        await keys.list()
        counts.push([minute, vault.state.logins, vault.state.renewals])
      }
      assert.deepEqual(counts, [
        [0, 1, 0],
        [39, 1, 0],
        [41, 1, 1],
        [80, 1, 1],
        [82, 1, 2],
        [122, 2, 3],
        [150, 2, 3],
      ])
    })

    it('serves to its end while it cannot be renewed', async () => {
      const keys = open({ auth: APPROLE() })
      await keys.list()
      vault.state.fault = call =>
        call.path.startsWith('auth/') ? { status: 500, body: { errors: ['no'] } } : undefined
      vault.state.now = 50 * 60_000
      assert.deepEqual(await keys.list(), [])
      vault.state.now = 61 * 60_000
      await refused(keys.list(), 'key-manager-unavailable', /log in by approle.*500: no/)
    })

    it('is done again when its token was revoked, and not when it is only refused', async () => {
      const keys = open({ auth: APPROLE() })
      await keys.list()
      vault.state.tokens.clear()
      assert.deepEqual(await keys.list(), [])
      assert.equal(vault.state.logins, 2)
      vault.state.tokens.clear()
      vault.state.allowed = ['other/']
      await refused(keys.list(), 'key-forbidden', /permission denied/)
      await refused(keys.list(), 'key-forbidden', /permission denied/)
      assert.equal(vault.state.logins, 3)
    })

    it('of a file is read again when another program replaced it', async () => {
      const keys = open()
      await keys.list()
      vault.state.tokens.set('hvs.next', { end: undefined, renewable: false, longest: 0, allowed: [''] })
      vault.state.tokens.delete('hvs.file')
      await refused(keys.list(), 'key-forbidden', /invalid token/)
      await file('token', 'hvs.next')
      assert.deepEqual(await keys.list(), [])
    })

    it('never ends where Vault says so, and is given back in the end', async () => {
      vault.state.leaseMs = 0
      const keys = open({ auth: APPROLE() })
      await keys.list()
      vault.state.now = 10 ** 12
      await keys.list()
      assert.deepEqual([vault.state.logins, vault.state.renewals], [1, 0])
      await keys.close()
      assert.deepEqual([...vault.state.tokens.keys()], ['hvs.file'])
      await open().close()
      assert.ok(vault.state.tokens.has('hvs.file'))
    })

    it('is not taken from an answer that is not as documented', async () => {
      const auth = { client_token: 'hvs.x', lease_duration: 60, renewable: true }
      for (const body of [
        'x',
        {},
        { auth: null },
        { auth: { ...auth, client_token: '' } },
        { auth: { ...auth, lease_duration: -1 } },
        { auth: { ...auth, client_token: 'a\r\nb' } },
      ]) {
        vault.state.fault = () => ({ status: 200, body })
        await refused(open({ auth: APPROLE() }).list(), 'reply-malformed', /log in by approle/)
      }
    })
  })

  it('does nothing for a caller who has given up', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    for (const work of [() => open().get(ID, signal), () => open().delete(ID, signal), () => open().list(signal)]) {
      await assert.rejects(work, /enough/)
    }
    assert.deepEqual(asked(), [])
  })
})

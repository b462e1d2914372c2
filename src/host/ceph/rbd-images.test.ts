import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { NetworkDisk } from '#src/core/disk.ts'
import { type HoldfastError, hasCode } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { commandFailed, commandTimedOut } from '../command-error.ts'
import type { CommandRequest, Host } from '../host.ts'
import { createNodeHost } from '../node-host.ts'
import { CephKeys } from './keys.ts'
import { RbdImages } from './rbd-images.ts'

const KEY = 'c2l4dGVlbiBieXRlcyE='
const DISK: NetworkDisk = {
  protocol: 'rbd',
  name: 'volumes/tenants/volume-a',
  hosts: [
    { name: '10.0.0.1', port: 6789 },
    { name: 'fd00::1', port: 3300 },
  ],
  auth: { username: 'cinder', secretUuid: '00000000-0000-4000-8000-00000000000a' },
  key: { cluster: 'ceph' },
}
const real = createNodeHost()

interface Run extends CommandRequest {
  /** What the files were that the tool was given by name. */
  readonly conf: string
  readonly key: string
}

/** A host whose qemu-img is a function. */
async function withImages(
  answer: (request: CommandRequest) => { stdout?: string } | Error,
  work: (images: RbdImages, ran: Run[], folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-ceph-'))
  const ran: Run[] = []
  const host: Host = {
    ...real,
    async run(request) {
      const image = JSON.parse(/json:(\{.*\})/.exec(request.args.join(' '))?.[1] ?? '{}') as { conf: string }
      const key = /file=(\S+)/.exec(request.args.join(' '))?.[1]
      const keyText = key === undefined ? '' : await readFile(key, 'latin1')
      ran.push({ ...request, conf: await readFile(image.conf, 'utf8'), key: keyText })
      const said = answer(request)
      if (said instanceof Error) throw said
      return { exitCode: 0, stdout: said.stdout ?? '', stderr: '' }
    },
  }
  try {
    await writeFile(join(folder, 'ceph.client.cinder.keyring'), `[client.cinder]\n\tkey = ${KEY}\n`)
    await work(new RbdImages(host, new CephKeys(host, { folder })), ran, folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const SIZE = { stdout: '{"virtual-size": 4096, "format": "rbd"}' }
const failing = (stderr: string) => (request: CommandRequest) =>
  commandFailed(request, { exitCode: 1, signal: null }, `qemu-img: Could not open 'json:{}': ${stderr}`)

describe('looking at RBD images', () => {
  it('asks their monitors as their user, and never for ever', async () => {
    await withImages(
      () => SIZE,
      async (images, ran, folder) => {
        await writeFile(join(folder, 'ceph.conf'), '[global]\nms_mode = secure\nmon_host = elsewhere\n')
        assert.equal(await images.size(DISK), 4096)
        const [{ args, conf, deadlineMs } = assert.fail()] = ran
        const option = JSON.parse(args.at(-1)?.slice('json:'.length) ?? '') as Record<string, string>
        const { conf: path, ...rest } = option
        assert.match(path ?? '', /^\/proc\/\d+\/fd\/\d+$/)
        const image = { driver: 'rbd', pool: 'volumes', namespace: 'tenants', image: 'volume-a' }
        assert.deepEqual(rest, { ...image, user: 'cinder', 'key-secret': 'key0' })
        const [theirs, ours] = conf.split('[client.cinder]')
        assert.match(theirs ?? '', /ms_mode = secure/)
        assert.match(ours ?? '', /^mon_host = 10\.0\.0\.1:6789,\[fd00::1\]:3300$/m)
        for (const limit of ['client_mount_timeout', 'rados_mon_op_timeout', 'rados_osd_op_timeout'])
          assert.match(ours ?? '', new RegExp(`^${limit} = [1-9]\\d?$`, 'm'))
        assert.ok((deadlineMs ?? 0) > 0)
      },
    )
  })

  it('hands the key over by a file that has no name, and by nothing else (I6)', async () => {
    await withImages(
      () => SIZE,
      async (images, ran) => {
        await images.size(DISK)
        await images.withHead(DISK, 4096, async () => {})
        assert.deepEqual(
          ran.map(({ args }) => args[0]),
          ['info', 'dd'],
        )
        for (const { args, conf, key, input } of ran) {
          assert.equal(key, 'sixteen bytes!')
          for (const text of [KEY, 'sixteen bytes!', Buffer.from('sixteen bytes!').toString('hex')])
            assert.ok(![...args, conf, String(input)].join(' ').includes(text))
          await assert.rejects(readFile(/file=(\S+)/.exec(args.join(' '))?.[1] ?? ''))
        }
      },
    )
  })

  it('needs no key of a cluster without any', async () => {
    await withImages(
      () => SIZE,
      async (images, ran) => {
        assert.equal(await images.size({ ...DISK, auth: undefined }), 4096)
        assert.ok(!ran[0]?.args.join(' ').includes('secret'))
        assert.match(ran[0]?.conf ?? '', /\[client\.admin\][\s\S]*auth_client_required = none/)
      },
    )
  })

  it('says what is wrong in words that one can act on', async () => {
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ['error reading header from volume-a: No such file or directory', 'storage-absent', /no image/],
      ['error opening pool volumes: No such file or directory', 'storage-absent', /no pool/],
      ["namespace 'tenants' does not exist", 'storage-absent', /no pool/],
      ['error connecting: Permission denied', 'storage-forbidden', /refuses its key/],
      ['error connecting: Operation not permitted', 'storage-forbidden', /refuses its key/],
      ['error reading header from volume-a: Operation not permitted', 'storage-forbidden', /no right/],
      ['error opening pool volumes: Operation not permitted', 'storage-forbidden', /no right/],
      ['error connecting: Connection timed out', 'storage-unreachable', /10\.0\.0\.1:6789, \[fd00::1\]:3300/],
      ['error connecting: Invalid argument', 'storage-unreachable', /10\.0\.0\.1/],
      ['error reading header from volume-a: Connection timed out', 'storage-unreachable', /volume-a/],
      ["Unknown driver 'rbd'", 'block-driver-missing', /RBD/],
      ['something else', 'command-failed', /something else/],
    ]
    for (const [stderr, code, words] of cases) {
      await withImages(failing(stderr), async images => {
        for (const look of [() => images.size(DISK), () => images.withHead(DISK, 1, async () => {})]) {
          await assert.rejects(look, (error: HoldfastError) => {
            assert.equal(error.code, code, `${stderr}: ${error.message}`)
            assert.match(error.message, words)
            return true
          })
        }
      })
    }
  })

  it('counts a look that was ended at its deadline as no answer', async () => {
    const late = (request: CommandRequest) => commandTimedOut(request, 1, '')
    await withImages(late, async images => {
      await assert.rejects(images.size(DISK), error => hasCode(error, 'storage-unreachable'))
    })
  })

  it('takes no size that is none', async () => {
    for (const stdout of [
      '',
      'null',
      '[]',
      '{}',
      '{"virtual-size": "1"}',
      '{"virtual-size": 0}',
      '{"virtual-size": 1.5}',
    ])
      await withImages(
        () => ({ stdout }),
        async images => await assert.rejects(images.size(DISK), error => hasCode(error, 'command-failed')),
      )
  })

  it('shows a head as a file of the size of the image', async () => {
    const write = async (request: CommandRequest) =>
      await writeFile(request.args.at(-1)?.slice('of='.length) ?? '', 'LUKS and more')
    let written: Promise<void> | undefined
    const answer = (request: CommandRequest) => {
      written = write(request)
      return {}
    }
    await withImages(answer, async images => {
      const size = 2 ** 40
      await images.withHead(DISK, size, async path => {
        await written
        assert.equal((await real.files.stat(path))?.size, size)
        assert.equal(Buffer.from(await real.files.readAt(path, 0, 4)).toString(), 'LUKS')
        assert.deepEqual(await real.files.readAt(path, size - 4, 10), new Uint8Array(4))
      })
    })
  })
})

describe('the key of a Ceph user', () => {
  const bytesOf = async (keys: CephKeys, disk: NetworkDisk) => Buffer.from((await keys.of(disk)).reveal()).toString()
  const secretOf = (text: string) => new Secret(new TextEncoder().encode(text))
  const sealer = {
    seal: async () => 'sealed:v1:x',
    open: async (text: string, context: string) => secretOf(`[client.cinder]\nkey = ${btoa(`${text} ${context}`)}`),
  }

  it('comes from what was handed out, else from the keyring, else from the libvirt secret', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-ceph-'))
    try {
      const readSecret = async (uuid: string) => (uuid === 'theirs' ? secretOf('of libvirt') : undefined)
      const keys = new CephKeys(real, { folder, sealer, readSecret })
      const sealed = { text: 'sealed:v1:y', context: 'volume/keyring' }
      const all = { ...DISK, key: { cluster: 'site', sealed, operatorSecret: 'theirs' } }
      const unsealed = { ...all, key: { cluster: 'site', operatorSecret: 'theirs' } }
      assert.equal(await bytesOf(keys, all), 'sealed:v1:y volume/keyring')
      assert.equal(await bytesOf(keys, unsealed), 'of libvirt')
      const path = join(folder, 'site.client.cinder.keyring')
      await writeFile(path, `[client.cinder]\nkey = ${btoa('of the file')}\n`)
      assert.equal(await bytesOf(keys, unsealed), 'of the file')
      const missing = { ...DISK, key: { cluster: 'other', operatorSecret: 'none' } }
      await assert.rejects(keys.of(missing), error => hasCode(error, 'ceph-key-missing'))
      await writeFile(path, '[client.glance]\nkey = AAAA\n')
      await assert.rejects(keys.of(unsealed), (error: HoldfastError) => {
        assert.equal(error.code, 'ceph-key-malformed')
        assert.ok(error.message.includes(path) && !error.message.includes('AAAA'))
        return true
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

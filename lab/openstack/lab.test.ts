import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempDisposable, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Lab, openstackLab } from './cloud.ts'
import { type Login, logIn, Rest } from './rest.ts'

const run = promisify(execFile)
/** The first with ids of keys. */
const MICROVERSION = 'volume 3.64'

describe('the cloud lab', { timeout: 300_000, concurrency: true }, () => {
  let lab: Lab
  before(async () => {
    lab = await openstackLab()
  })
  after(() => lab?.stop())

  const loginOf = (name: string): Promise<Login> => {
    const user = lab.users[name]
    assert.ok(user, `no user ${name}`)
    return logIn(lab.authUrl, { name, ...user })
  }
  const cinderOf = async (name: string): Promise<Rest> => {
    const { token, projectId } = await loginOf(name)
    return new Rest(`${lab.endpoints['block-storage']}/${projectId}`, token, { 'OpenStack-API-Version': MICROVERSION })
  }

  test('everybody can log in, into the project that is told', async () => {
    for (const [name, { project }] of Object.entries(lab.users)) {
      assert.equal((await loginOf(name)).projectId, lab.projects[project], name)
    }
    const wanted = ['admin', 'alt', 'barbican', 'cinder', 'demo', 'demo-nokey', 'demo-reader', 'nova', 'small']
    assert.deepEqual(Object.keys(lab.users).toSorted(), wanted)
  })

  test('an encrypted volume is an image with a LUKS header in Ceph, and its key is in Barbican', async () => {
    const cinder = await cinderOf('alt')
    const volume = await create(cinder, { name: 'lab-sealed', size: 1, volume_type: 'ceph-luks' })
    assert.equal(await settled(cinder, volume.id), 'available')

    assert.match(await imageStart(lab, volume.id), /^LUKS\xba\xbe/)
    const { token } = await loginOf('alt')
    const key = (await cinder.get(`/volumes/${volume.id}`)) as { volume: { encryption_key_id: string } }
    assert.equal((await payload(lab, key.volume.encryption_key_id, token)).length, 32)

    await cinder.delete(`/volumes/${volume.id}`)
    assert.equal(await settled(cinder, volume.id), 'gone')
    await assert.rejects(imageStart(lab, volume.id), /No such file/)
  })

  test('volume metadata asks the back end of sparse files for failures', async () => {
    const cinder = await cinderOf('alt')
    const volume = await create(cinder, { name: 'lab-failing', size: 1, metadata: { lab_fail: 'extend,create' } })

    assert.equal(await settled(cinder, volume.id), 'error')

    await cinder.delete(`/volumes/${volume.id}`)
    assert.equal(await settled(cinder, volume.id), 'gone')
  })

  test('a volume of the second zone', async () => {
    const cinder = await cinderOf('alt')
    const wanted = { name: 'lab-far', size: 1, volume_type: 'lab-az2', availability_zone: 'az2' }
    const volume = await create(cinder, wanted)

    assert.equal(await settled(cinder, volume.id), 'available')

    await cinder.delete(`/volumes/${volume.id}`)
    assert.equal(await settled(cinder, volume.id), 'gone')
  })

  test('project small may have little', async () => {
    const cinder = await cinderOf('small')

    await assert.rejects(create(cinder, { name: 'lab-large', size: 4 }), /413/)
  })
})

const create = async (cinder: Rest, volume: Readonly<Record<string, unknown>>): Promise<{ id: string }> =>
  ((await cinder.post('/volumes', { volume })) as { volume: { id: string } }).volume

/** The volume's state once it is at rest, or 'gone'. */
async function settled(cinder: Rest, id: string): Promise<string> {
  for (;;) {
    const { volumes } = (await cinder.get('/volumes/detail')) as { volumes: readonly { id: string; status: string }[] }
    const status = volumes.find(volume => volume.id === id)?.status ?? 'gone'
    if (!status.endsWith('ing')) return status
    await sleep(100)
  }
}

/** First bytes of the volume's image, as latin1. */
async function imageStart(lab: Lab, volumeId: string): Promise<string> {
  assert.ok(lab.ceph)
  const ceph = ['--conf', lab.ceph.configFile, '--id', 'cinder', '--keyring', lab.ceph.keyring]
  const image = `volumes/volume-${volumeId}`
  const { stdout: info } = await run('rbd', [...ceph, 'info', '--format', 'json', image])
  const { block_name_prefix: prefix }: { block_name_prefix: string } = JSON.parse(info)
  await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-image-'))
  const file = join(folder.path, 'first-object')
  await run('rados', [...ceph, '--pool', 'volumes', 'get', `${prefix}.0000000000000000`, file])
  return (await readFile(file, 'latin1')).slice(0, 6)
}

async function payload(lab: Lab, keyId: string, token: string): Promise<Buffer> {
  const response = await fetch(`${lab.endpoints['key-manager']}/v1/secrets/${keyId}/payload`, {
    headers: { 'X-Auth-Token': token, Accept: 'application/octet-stream' },
  })
  assert.equal(response.status, 200)
  return Buffer.from(await response.arrayBuffer())
}

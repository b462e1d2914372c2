import { type EncryptorFixture, encryptorConformance, RIGHT } from '#src/encryptors/conformance.ts'
import type { Encryptor, UnlockRequest } from '#src/encryptors/encryptor.ts'
import { SimLuksEncryptor, SimNativeEncryptor } from './encryptor.ts'
import { hashOf, World } from './world.ts'

const SIZE = 2 ** 25

type Kind = UnlockRequest['source']['kind']

const monitors = [{ name: '10.0.0.11', port: 6789 }]
const auth = { username: 'cinder', secretUuid: '4f2d4f1c-9f0a-8d4e-8b1a-0c6c2f6f0a11' }

function fixture(version: 1 | 2, kind: Kind, make: (world: World) => Encryptor): EncryptorFixture {
  const world = new World()
  let loops = 0
  const below = (request: UnlockRequest) => {
    const file = world.below(request.source.path)
    if (!file) throw new Error(`nothing at ${request.source.path}`)
    return file
  }
  const volume = async (): Promise<UnlockRequest> => {
    const volumeId = world.random.uuid()
    const passphraseHash = hashOf(new TextEncoder().encode(RIGHT))
    const luks = { version, uuid: volumeId, passphraseHash, payloadOffsetBytes: 2 ** 24 }
    const image = `volumes/volume-${volumeId}`
    const backingPath = kind === 'network' ? `rbd:${image}` : `/pool/${volumeId}`
    const file = world.addFile(backingPath, {
      kind: kind === 'network' ? kind : 'file',
      sizeBytes: SIZE,
      content: volumeId,
      luks,
    })
    const loop = `/dev/loop${loops++}`
    if (kind === 'block') world.loops.set(loop, { path: loop, file, backingPath })
    const network = { protocol: 'rbd', name: image, hosts: monitors, auth } as const
    return {
      volumeId,
      luksUuid: volumeId,
      source: {
        kind,
        path: kind === 'block' ? loop : backingPath,
        ...(kind === 'network' && { network }),
        sizeBytes: SIZE,
        identity: { inode: file.inode, luksUuid: volumeId },
      },
      encryption: {
        provider: version === 2 ? 'luks2' : 'luks',
        controlLocation: 'front-end',
        cipher: 'aes-xts-plain64',
        keySize: 512,
        keyId: world.random.uuid(),
      },
    }
  }
  return {
    encryptor: make(world),
    volume,
    async spoil(request, how) {
      const file = below(request)
      if (how === 'blank') file.luks = undefined
      else if (file.luks && how === 'damaged') file.luks.damaged = true
      else if (file.luks) file.luks.uuid = world.random.uuid()
    },
    ...(version === 2 && {
      async stretch(request) {
        const file = below(request)
        if (file.luks) file.luks = { ...file.luks, derivation: { memoryBytes: 32 * 1024, threads: 1 } }
      },
    }),
    head: async request => JSON.stringify(below(request).luks ?? null),
    drop: async ({ volumeId }) => {
      for (const path of [`/pool/${volumeId}`, `rbd:volumes/volume-${volumeId}`]) world.files.delete(path)
    },
    async restart() {
      await world.restart()
      return make(world)
    },
    async hold(path) {
      world.hold(path, 'process 1')
      return { holder: 'process 1', release: async () => world.release(path, 'process 1') }
    },
    async putInTheWay(request, what) {
      const { source, volumeId } = await volume()
      const other = what === 'stale' ? request.volumeId : volumeId
      const target = what === 'linear' ? 'linear' : 'crypt'
      const name = `crypt-${request.volumeId}`
      const dmUuid = target === 'crypt' ? `CRYPT-LUKS${version}-${other.replaceAll('-', '')}-${name}` : ''
      world.mappings.set(name, { name, target, dmUuid, over: source.path, sizeBytes: SIZE })
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

encryptorConformance('simulated dm-crypt, LUKS1', { mappings: true }, async () =>
  fixture(1, 'block', world => new SimLuksEncryptor(world)),
)
encryptorConformance('simulated dm-crypt, LUKS2', { mappings: true }, async () =>
  fixture(2, 'block', world => new SimLuksEncryptor(world)),
)
encryptorConformance('simulated LUKS by QEMU itself', { mappings: false }, async () =>
  fixture(1, 'file', world => new SimNativeEncryptor(world)),
)
encryptorConformance('simulated LUKS by QEMU itself, over images of Ceph', { mappings: false }, async () =>
  fixture(1, 'network', world => new SimNativeEncryptor(world)),
)

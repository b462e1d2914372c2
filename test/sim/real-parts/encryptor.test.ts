import { type EncryptorFixture, encryptorConformance, RIGHT } from '#src/encryptors/conformance.ts'
import type { UnlockRequest } from '#src/encryptors/encryptor.ts'
import { LuksEncryptor } from '#src/encryptors/luks/luks-encryptor.ts'
import { createSimHost } from '#src/sim/host.ts'
import { simTools } from '#src/sim/tools/tools.ts'
import { hashOf, World } from '#src/sim/world.ts'

const SIZE = 2 ** 25

function fixture(version: 1 | 2): EncryptorFixture {
  const world = new World()
  const make = () => new LuksEncryptor(createSimHost(world, simTools(world)))
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
    const backingPath = `/pool/${volumeId}`
    const file = world.addFile(backingPath, { sizeBytes: SIZE, content: volumeId, luks })
    const loop = `/dev/loop${loops++}`
    world.loops.set(loop, { path: loop, file, backingPath })
    return {
      volumeId,
      luksUuid: volumeId,
      source: {
        kind: 'block',
        path: loop,
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
    encryptor: make(),
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
      world.files.delete(`/pool/${volumeId}`)
    },
    async restart() {
      await world.restart()
      return make()
    },
    async hold(path) {
      world.hold(path, 'process 1')
      return { holder: 'process 1 ', release: async () => world.release(path, 'process 1') }
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

for (const version of [1, 2] as const) {
  encryptorConformance(`LUKS${version} by dm-crypt, by simulated commands`, { mappings: true }, async () =>
    fixture(version),
  )
}

import { connectorConformance } from '#src/connectors/conformance.ts'
import { LocalConnector } from '#src/connectors/local/local-connector.ts'
import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import { createSimHost } from '#src/sim/host.ts'
import { simTools } from '#src/sim/tools/tools.ts'
import { type SimLuks, World } from '#src/sim/world.ts'

const SIZE = 2 ** 23
const POOL = '/pool'

const luks = (uuid: string): SimLuks => ({ version: 1, uuid, passphraseHash: 'x', payloadOffsetBytes: 2 ** 21 })

connectorConformance('pool files of this host, by simulated commands', async () => {
  const world = new World()
  world.addFile(POOL, { kind: 'directory', mode: 0o711 })
  const make = () => new LocalConnector(createSimHost(world, simTools(world)), { pool: POOL })
  const file = (path: string) => {
    const found = world.files.get(path)
    if (!found) throw new Error(`nothing at ${path}`)
    return found
  }
  return {
    connector: make(),
    async volume({ encrypted = false, readonly = false } = {}): Promise<LocalConnectionInfo> {
      const id = world.random.uuid()
      const path = `${POOL}/volume-${id}`
      const { inode } = world.addFile(path, { sizeBytes: SIZE, content: id, luks: encrypted ? luks(id) : undefined })
      return {
        driver_volume_type: 'local',
        volume_id: id,
        host: world.hostName,
        data: {
          device_path: path,
          size_bytes: SIZE,
          access_mode: readonly ? 'ro' : 'rw',
          encrypted,
          multiattach: false,
          discard: false,
          inode,
          luks_uuid: encrypted ? id : undefined,
        },
      }
    },
    async putForeign(info, what) {
      if (what === 'cut') {
        file(info.data.device_path).sizeBytes = SIZE / 2
        return
      }
      world.addFile(info.data.device_path, {
        sizeBytes: what === 'smaller' ? SIZE / 2 : SIZE,
        content: 'foreign',
        luks: what === 'luks' ? luks(world.random.uuid()) : undefined,
      })
    },
    async exchange(a, b) {
      const [first, second] = [file(a.data.device_path), file(b.data.device_path)]
      world.files.set(a.data.device_path, second)
      world.files.set(b.data.device_path, first)
    },
    async restore(info) {
      const { sizeBytes, content, luks } = file(info.data.device_path)
      world.addFile(info.data.device_path, { sizeBytes, content, luks })
    },
    drop: async info => {
      world.files.delete(info.data.device_path)
    },
    async hold(path) {
      world.hold(path, 'process 1')
      return { holder: 'process 1 ', release: async () => world.release(path, 'process 1') }
    },
    async foreign() {
      const [path, over] = ['/dev/loop7', '/elsewhere/volume']
      world.loops.set(path, { path, file: world.addFile(over, { sizeBytes: SIZE }), backingPath: over })
      return { path, over }
    },
    devices: async () => world.loops.size,
    async restart() {
      await world.restart()
      return make()
    },
    [Symbol.asyncDispose]: async () => {},
  }
})

// Runs inside the lab's guest: brings up a pool of encrypted volumes as `host resume` does, and the peer's as Nova does.
import { mkdir } from 'node:fs/promises'
import { availableParallelism, freemem } from 'node:os'
import { LocalConnector } from '#src/connectors/local/local-connector.ts'
import { mapSettled } from '#src/core/concurrency.ts'
import { collectErrors } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { LuksEncryptor } from '#src/encryptors/luks/luks-encryptor.ts'
import { HostBounds, needOfDerivation, ONE_IO } from '#src/engine/bounds.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { runToEnd } from './measure.ts'
import type { ResumeTimes } from './resume-lab.ts'
import { derivationsOf, openPeer } from './resume-peer.ts'
import { type PoolVolume, recordsOf } from './resume-volumes.ts'

const { BENCH_VOLUMES = '[]', BENCH_PEERS = '1' } = process.env
/** As the configuration has them unless told. */
const [INSTANCES_AT_ONCE, VOLUMES_AT_ONCE, IO_AT_ONCE] = [16, 8, 8]
const VOLUMES_OF_AN_INSTANCE = 4

/** The pool's own file system, with direct I/O as a host has it. */
const pool = '/mnt/pool'
const host = createNodeHost()
const connector = new LocalConnector(host, { pool })
const encryptor = new LuksEncryptor(host)
const bounds = new HostBounds({
  instances: INSTANCES_AT_ONCE,
  processors: availableParallelism(),
  derivationMemoryBytes: freemem() / 2,
  io: IO_AT_ONCE,
})
type Recorded = Awaited<ReturnType<typeof recordsOf>> & { readonly passphrase: string }

/** The steps `connect` and `unlock` of a volume, each with the room that it needs. */
async function bringUp({ info, unlock, passphrase }: Recorded): Promise<void> {
  const { source } = await bounds.run(ONE_IO, {}, () => connector.connect(info, { asBlock: true }))
  const request = { ...unlock, source }
  using secret = new Secret(new TextEncoder().encode(passphrase))
  await bounds.run(needOfDerivation(await encryptor.cost(request)), {}, () => encryptor.unlock(request, secret))
}

/** The step `verify`: from the host's own facts, not from what was just done. */
async function verify({ info, unlock }: Recorded): Promise<void> {
  const source = await connector.probe(info, { asBlock: true })
  const view = source && (await encryptor.probe({ ...unlock, source }))
  if (!view) throw new Error(`volume ${info.volume_id} did not come up`)
}

async function instance(volumes: readonly Recorded[]): Promise<void> {
  settled(await mapSettled(volumes, VOLUMES_AT_ONCE, bringUp))
  for (const volume of volumes) await verify(volume)
}

function settled(outcomes: readonly PromiseSettledResult<unknown>[]): void {
  const error = collectErrors(outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : [])))
  if (error) throw error
}

/** Wall clock from nothing to all verified, milliseconds. */
async function ours(instances: readonly (readonly Recorded[])[]): Promise<number> {
  const begun = performance.now()
  settled(await mapSettled(instances, INSTANCES_AT_ONCE, instance))
  return performance.now() - begun
}

/** The guest is thrown away; the peer's second turn shall find the host as its first one did. */
function takeAllDown(): void {
  runToEnd({ argv: ['dmsetup', 'remove_all'] })
  runToEnd({ argv: ['losetup', '--detach-all'] })
}

async function recorded(): Promise<readonly (readonly Recorded[])[]> {
  const volumes: readonly PoolVolume[] = JSON.parse(BENCH_VOLUMES)
  const all = await Promise.all(
    volumes.map(async volume => ({ ...(await recordsOf(host, pool, volume)), passphrase: volume.passphrase })),
  )
  const starts = all.map((_, n) => n).filter(n => n % VOLUMES_OF_AN_INSTANCE === 0)
  return starts.map(n => all.slice(n, n + VOLUMES_OF_AN_INSTANCE))
}

const peers = Number(BENCH_PEERS)
const folder = '/dev/shm/peer'
await mkdir(folder)
await mkdir(pool)
runToEnd({ argv: ['mount', '-t', 'ext4', '/dev/ubda', pool] })
const instances = await recorded()
await using peer = await openPeer(folder, peers)
const before = await peer.attachAll()
const wall = await ours(instances)
takeAllDown()
const result: ResumeTimes = {
  ours: wall,
  peer: [...before, ...(await peer.attachAll())],
  peerName: peer.name,
  peerDerivation: derivationsOf(folder, peers),
}
process.stdout.write(JSON.stringify(result))

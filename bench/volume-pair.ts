import { randomBytes, randomUUID } from 'node:crypto'
import { closeSync, ftruncateSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { passphraseOf, Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import { luksFormat } from '#src/host/cryptsetup.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { runToEnd } from './measure.ts'

export const VOLUME_BYTES = 64 * MIB

export interface VolumePair {
  /** Formatted by Holdfast. */
  readonly ours: string
  /** LUKS UUID of ours. */
  readonly uuid: string
  /** Formatted with the defaults of cryptsetup. */
  readonly peer: string
  /** How the peer's passphrase is stretched, as cryptsetup chose it for this machine. */
  readonly peerDerivation: string
  /** Opens both: of a random key of 256 bits, as Holdfast makes it. */
  readonly passphrase: string
}

/** Two encrypted volumes as files. */
export async function formatVolumes(directory: string): Promise<VolumePair> {
  const [ours, uuid] = [join(directory, 'ours.img'), randomUUID()]
  makeSparse(ours)
  const secret = passphraseOf(new Secret(randomBytes(32)))
  const passphrase = new TextDecoder().decode(secret.reveal())
  await luksFormat(createNodeHost(), ours, { version: 2, uuid, cipher: 'aes-xts-plain64', keySizeBits: 512 }, secret)
  const { peer, kdf } = formatPeer(directory, passphrase)
  const peerDerivation = `${kdf.type}, time ${kdf.time}, memory ${Math.round(kdf.memory / 1024)} MiB, ${kdf.cpus} threads`
  return { ours, uuid, peer, peerDerivation, passphrase }
}

/** What cryptsetup tells of a key slot's derivation; memory in KiB. */
interface Derivation {
  readonly type: string
  readonly time: number
  readonly memory: number
  readonly cpus: number
}

const TRIES = 3

/**
 * cryptsetup measures the machine as it formats and chooses less if something else runs meanwhile; of a few volumes the
 * one that was disturbed least is taken.
 */
function formatPeer(directory: string, passphrase: string): { readonly peer: string; readonly kdf: Derivation } {
  const tries = Array.from({ length: TRIES }, (_, n) => {
    const peer = join(directory, `peer-${n}.img`)
    makeSparse(peer)
    runToEnd({
      argv: ['cryptsetup', 'luksFormat', '--batch-mode', '--type', 'luks2', '--key-file=-', peer],
      input: passphrase,
    })
    const dump = runToEnd({ argv: ['cryptsetup', 'luksDump', '--dump-json-metadata', peer] }).stdout
    const kdf: Derivation = JSON.parse(dump).keyslots['0'].kdf
    return { peer, kdf }
  })
  return tries.reduce((most, one) => (cost(one.kdf) > cost(most.kdf) ? one : most))
}

const cost = ({ time, memory }: Derivation): number => time * memory

function makeSparse(path: string): void {
  const file = openSync(path, 'wx', 0o600)
  ftruncateSync(file, VOLUME_BYTES)
  closeSync(file)
}

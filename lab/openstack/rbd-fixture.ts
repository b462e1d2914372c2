import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { RbdConnectionInfo } from '#src/core/connection-info.ts'
import type { Sealer } from '#src/core/sealer.ts'
import { Secret } from '#src/core/secret.ts'
import { CephKeys } from '#src/host/ceph/keys.ts'
import { RbdImages } from '#src/host/ceph/rbd-images.ts'
import type { Host } from '#src/host/host.ts'
import { type Libvirt, readSecretValue } from '#src/libvirt/index.ts'
import type { LabCeph } from './cloud.ts'

const LIMIT_MS = 30_000
const POOL = 'volumes'
const run = promisify(execFile)

/** Seals nothing: a test's keys are no secrets. */
export const openSealer: Sealer = {
  seal: async (secret, context) => `sealed:v1:${context}:${Buffer.from(secret.reveal()).toString('base64')}`,
  async open(sealed, context) {
    const prefix = `sealed:v1:${context}:`
    if (!sealed.startsWith(prefix)) throw new Error(`what is sealed is not for ${context}`)
    return new Secret(Buffer.from(sealed.slice(prefix.length), 'base64'))
  },
}

/** The lab's Ceph as Holdfast sees it from a host, and a way to make images without Cinder. */
export class LabImages {
  readonly keys: CephKeys
  readonly images: RbdImages
  readonly #host: Host
  readonly #ceph: LabCeph
  readonly #made = new Set<string>()

  constructor(host: Host, ceph: LabCeph, libvirt: Libvirt) {
    const folder = join(ceph.configFile, '..')
    const readSecret = (uuid: string, signal?: AbortSignal) => readSecretValue(libvirt, uuid, signal)
    this.keys = new CephKeys(host, { folder, sealer: openSealer, readSecret })
    this.images = new RbdImages(host, this.keys, { connectSeconds: 2 })
    this.#host = host
    this.#ceph = ceph
  }

  /** Connection info as Cinder would hand it out. */
  async info(volumeId: string, change: Partial<RbdConnectionInfo['data']> = {}): Promise<RbdConnectionInfo> {
    const monitor = /\bv1:([\d.]+):(\d+)/.exec(await readFile(this.#ceph.configFile, 'utf8'))
    return {
      driver_volume_type: 'rbd',
      volume_id: volumeId,
      host: this.#host.name,
      data: {
        name: imageOf(volumeId),
        hosts: [monitor?.[1] ?? ''],
        ports: [monitor?.[2] ?? ''],
        cluster_name: 'ceph',
        auth_enabled: true,
        auth_username: 'cinder',
        access_mode: 'rw',
        encrypted: false,
        multiattach: false,
        discard: true,
        ...change,
      },
    }
  }

  async create(volumeId: string, bytes: number): Promise<void> {
    this.#made.add(volumeId)
    await this.rbd('create', '--size', `${bytes}B`, imageOf(volumeId))
  }

  /** An image with the content of a file. */
  async import(volumeId: string, path: string): Promise<void> {
    this.#made.add(volumeId)
    await this.rbd('import', '--no-progress', path, imageOf(volumeId))
  }

  /** The image's content as a file that `work` may change; it is put back then. */
  async edit(volumeId: string, work: (path: string) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-rbd-'))
    try {
      const path = join(folder, 'image')
      await this.rbd('export', '--no-progress', imageOf(volumeId), path)
      await work(path)
      await this.remove(volumeId)
      await this.import(volumeId, path)
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  async remove(volumeId: string): Promise<void> {
    this.#made.delete(volumeId)
    await this.rbd('rm', '--no-progress', imageOf(volumeId))
  }

  async removeAll(): Promise<void> {
    for (const volumeId of [...this.#made]) await this.remove(volumeId)
  }

  /** Ceph's own tool as client.cinder; what it prints. */
  async rbd(...args: readonly string[]): Promise<string> {
    const { configFile, keyring } = this.#ceph
    const access = ['-c', configFile, '--id', 'cinder', '-k', keyring]
    return (await run('rbd', [...access, ...args], { timeout: LIMIT_MS, encoding: 'utf8' })).stdout
  }
}

export const imageOf = (volumeId: string): string => `${POOL}/volume-${volumeId}`

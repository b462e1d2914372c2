import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { loadConfig } from '#src/config/load-config.ts'
import type { Holdfast } from '#src/holdfast.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { openHoldfast } from '#src/index.ts'
import { Libvirt } from '#src/libvirt/index.ts'
import { GUEST_KERNEL_ARGUMENTS, packGuest } from '../tools/guest/pack-guest.ts'
import { breakHost } from '../tools/quickstart/break-host.ts'
import { type Life, live } from '../tools/quickstart/life.ts'
import { startPrivateLibvirtd } from './libvirtd.ts'

/** Holdfast over real parts of its own: a state directory, a libvirtd, a guest image; all gone when it is disposed. */
export interface RealHost extends AsyncDisposable {
  readonly config: HoldfastConfig
  readonly libvirt: Libvirt
  readonly guest: { readonly kernel: string; readonly initrd: string }
  open(): Promise<Holdfast>
}

/** `more`: more of Holdfast's variables, such as those of a cloud. */
export async function makeRealHost(more: Readonly<Record<string, string>> = {}): Promise<RealHost> {
  const folder = await mkdtemp('/tmp/hf-life-')
  await chmod(folder, 0o711)
  // A Unix socket's path must be short.
  const daemonFolder = await mkdtemp('/tmp/lv-')
  const libvirtd = await startPrivateLibvirtd({ dir: daemonFolder })
  const environment = { HOLDFAST_LIBVIRT_SOCKET: libvirtd.socketPath, HOLDFAST_DOMAIN_TYPE: 'qemu', ...more }
  const config = await loadConfig({ flags: { state: join(folder, 'state') }, env: environment, uid: 0 })
  const libvirt = new Libvirt({ socketPath: libvirtd.socketPath })
  return {
    config,
    libvirt,
    guest: await packGuest({ outDir: join(folder, 'image') }),
    open: () => openHoldfast(config, { mode: 'write' }),
    [Symbol.asyncDispose]: async () => {
      await libvirt.close()
      await libvirtd.stop()
      for (const left of [folder, daemonFolder]) await rm(left, { recursive: true, force: true })
    },
  }
}

/** The life of the quickstart on these parts, told step by step in the test's own output. */
export async function liveOn(
  host: RealHost,
  holdfast: Holdfast,
  request: { provider: 'luks' | 'luks2'; marker: string; bootMs: number; say: (line: string) => void },
): Promise<Life> {
  const stage = {
    act: async <T>(title: string, work: () => Promise<T>) => {
      request.say(title)
      return await work()
    },
    note: (text: string) => request.say(`  ${text}`),
    observer: ({ title, outcome }: { title: string; outcome: { state: string } }) => {
      if (outcome.state !== 'started') request.say(`  ${title}: ${outcome.state}`)
    },
  }
  return await live(holdfast, stage, {
    name: 'life',
    volumeType: request.provider,
    provider: request.provider,
    guest: host.guest,
    append: GUEST_KERNEL_ARGUMENTS,
    memoryMib: 128,
    marker: request.marker,
    breakHost: (instanceId, volumeId) =>
      breakHost({ host: createNodeHost(), libvirt: host.libvirt }, instanceId, volumeId),
    bootMs: request.bootMs,
  })
}

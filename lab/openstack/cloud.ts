import { holdCloud } from './held-cloud.ts'
import { readLab } from './lab-file.ts'

/** Who may log in: with this password, into this project (its name), in the domain `Default`. */
export interface LabUser {
  readonly password: string
  readonly project: string
}

/** A real cloud on loopback: Keystone, Cinder, Barbican and, unless it was left out, Ceph. */
export interface Lab {
  /** Folder with its state, logs and `lab.json`. */
  readonly dir: string
  /** Keystone's v3 address, such as `http://127.0.0.1:5000/v3`. */
  readonly authUrl: string
  readonly region: string
  /** Addresses by service type: identity, block-storage, key-manager, compute; for a person, the catalog has them too. */
  readonly endpoints: Readonly<Record<string, string>>
  /** By name: admin, demo, demo-nokey, demo-reader, alt, small; nova, cinder and barbican in project `service`. */
  readonly users: Readonly<Record<string, LabUser>>
  /** Project ids by name: admin, demo, alt, small, service. */
  readonly projects: Readonly<Record<string, string>>
  /** Ids of volume types by name: lab (default), lab-az2, luks, multiattach, nobackend, ceph, ceph-luks, ceph-multiattach. */
  readonly volumeTypes: Readonly<Record<string, string>>
  /** A clouds.yaml with one cloud per user: lab-admin, lab-demo, … */
  readonly cloudsFile: string
  readonly ceph?: LabCeph
  /** Ends the cloud if this call started it; a cloud that was joined goes on. May be called more than once. */
  stop(): Promise<void>
}

export interface LabCeph {
  readonly configFile: string
  /** Of `client.cinder`, who reads and writes the pool `volumes`. */
  readonly keyring: string
  /** Of `client.admin`, for a test that looks behind the services. */
  readonly adminKeyring: string
}

/**
 * The cloud for tests: the one that `HOLDFAST_CLOUD_DIR` names, as all files of one `npm test` share it, or else one that is
 * started for this call, with packages that are there already.
 */
export async function openstackLab(): Promise<Lab> {
  const dir = process.env.HOLDFAST_CLOUD_DIR
  if (dir) return { ...(await readLab(dir)), stop: async () => {} }
  const held = await holdCloud({ ceph: true })
  return { ...(await readLab(held.dir)), stop: () => held.stop() }
}

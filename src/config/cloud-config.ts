import type { Layers } from './layers.ts'

/** Who logs in, as far as it is configured here. Secrets stay in their files. */
export interface LoginConfig {
  readonly authUrl: string
  readonly authType: 'password' | 'v3applicationcredential' | 'v3token'
  readonly username?: string | undefined
  readonly userId?: string | undefined
  readonly userDomainName?: string | undefined
  readonly passwordFile?: string | undefined
  readonly projectName?: string | undefined
  readonly projectId?: string | undefined
  readonly projectDomainName?: string | undefined
  readonly applicationCredentialId?: string | undefined
  readonly applicationCredentialSecretFile?: string | undefined
  readonly tokenFile?: string | undefined
}

/** What is configured of a cloud, of its service user, of key managers and of Ceph. */
export interface CloudConfig {
  readonly cloud: {
    /** Undefined: the embedded volume service. */
    readonly name?: string | undefined
    readonly cloudsFile?: string | undefined
    /** Of the cloud of this name; undefined: `clouds.yaml` has it, or the `OS_*` variables. */
    readonly login?: LoginConfig | undefined
    readonly region?: string | undefined
    readonly interface: 'public' | 'internal' | 'admin'
    readonly caFile?: string | undefined
    readonly certificateFile?: string | undefined
    readonly keyFile?: string | undefined
    readonly insecure: boolean
    readonly blockStorageEndpoint?: string | undefined
    readonly keyManagerEndpoint?: string | undefined
    readonly attachments: 'auto' | 'legacy'
    /** Undefined: any. */
    readonly rbdPools?: readonly string[] | undefined
  }
  /** The entry of `clouds.yaml` or the login; none of both: no service tokens are sent. */
  readonly serviceUser: { readonly cloud?: string | undefined; readonly login?: LoginConfig | undefined }
  readonly keys: { readonly backend: 'auto' | 'barbican' | 'vault'; readonly fixedKeyFile?: string | undefined }
  readonly vault: {
    readonly url?: string | undefined
    readonly auth: 'token' | 'approle' | 'kubernetes'
    readonly tokenFile?: string | undefined
    readonly role?: string | undefined
    readonly secretIdFile?: string | undefined
    readonly mount: string
    readonly path?: string | undefined
    readonly kvVersion: 1 | 2
    readonly namespace?: string | undefined
    readonly caFile?: string | undefined
  }
  /** Where clusters' configurations and keyrings lie. */
  readonly ceph: { readonly folder: string }
  readonly blockStorageIp?: string | undefined
}

/** Stands for the embedded volume service where a cloud's name is asked for. */
export const EMBEDDED = 'local'

export function cloudConfig(layers: Layers): CloudConfig {
  const name = layers.text('cloud.name')
  const pools = layers.text('cloud.rbd_pools')
  return {
    cloud: {
      name: name === EMBEDDED ? undefined : name,
      cloudsFile: layers.text('cloud.clouds_file'),
      login: loginConfig(layers, 'cloud', undefined),
      region: layers.text('cloud.region'),
      interface: oneOf(layers.needText('cloud.interface'), ['internal', 'admin'], 'public'),
      caFile: layers.text('cloud.ca_file'),
      certificateFile: layers.text('cloud.certificate_file'),
      keyFile: layers.text('cloud.key_file'),
      insecure: layers.needBoolean('cloud.insecure'),
      blockStorageEndpoint: layers.text('cloud.block_storage_endpoint'),
      keyManagerEndpoint: layers.text('cloud.key_manager_endpoint'),
      attachments: oneOf(layers.needText('cloud.attachments'), ['legacy'], 'auto'),
      rbdPools: pools?.split(',').map(pool => pool.trim()),
    },
    serviceUser: {
      cloud: layers.text('service_user.cloud'),
      login: loginConfig(layers, 'service_user', layers.text('cloud.auth_url')),
    },
    keys: {
      backend: oneOf(layers.needText('keys.backend'), ['barbican', 'vault'], 'auto'),
      fixedKeyFile: layers.text('keys.fixed_key_file'),
    },
    vault: {
      url: layers.text('vault.url'),
      auth: oneOf(layers.needText('vault.auth'), ['approle', 'kubernetes'], 'token'),
      tokenFile: layers.text('vault.token_file'),
      role: layers.text('vault.role'),
      secretIdFile: layers.text('vault.secret_id_file'),
      mount: layers.needText('vault.mount'),
      path: layers.text('vault.path'),
      kvVersion: layers.needInteger('vault.kv_version') === 1 ? 1 : 2,
      namespace: layers.text('vault.namespace'),
      caFile: layers.text('vault.ca_file'),
    },
    ceph: { folder: layers.needText('ceph.folder') },
    blockStorageIp: layers.text('block_storage_ip'),
  }
}

const WHO = ['username', 'user_id', 'application_credential_id', 'token_file'] as const

/** Undefined unless somebody is named. `authUrl`: where it is not said. */
function loginConfig(layers: Layers, section: string, authUrl: string | undefined): LoginConfig | undefined {
  const get = (key: string) => layers.text(`${section}.${key}`)
  const url = get('auth_url') ?? authUrl
  if (url === undefined || WHO.every(key => get(key) === undefined)) return undefined
  return {
    authUrl: url,
    authType: oneOf(layers.needText(`${section}.auth_type`), ['v3applicationcredential', 'v3token'], 'password'),
    username: get('username'),
    userId: get('user_id'),
    userDomainName: get('user_domain_name'),
    passwordFile: get('password_file'),
    projectName: get('project_name'),
    projectId: get('project_id'),
    projectDomainName: get('project_domain_name'),
    applicationCredentialId: get('application_credential_id'),
    applicationCredentialSecretFile: get('application_credential_secret_file'),
    tokenFile: get('token_file'),
  }
}

const oneOf = <T extends string, D extends string>(text: string, words: readonly T[], fallback: D): T | D =>
  words.find(word => word === text) ?? fallback

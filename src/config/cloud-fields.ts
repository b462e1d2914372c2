import type { Field, FieldKind } from './field.ts'

const TEXT: FieldKind = { type: 'text', maxLength: 1024 }
const PATH: FieldKind = { type: 'path' }
const BOOLEAN: FieldKind = { type: 'boolean' }

const text = (key: string, meaning: string): Field => field(key, TEXT, meaning)
const path = (key: string, meaning: string): Field => field(key, PATH, meaning)

function field(key: string, kind: FieldKind, meaning: string, fallback?: Field['fallback']): Field {
  const variable = `HOLDFAST_${key.replace('.', '_').toUpperCase()}`
  return { key, variable, kind, fallback, defaultText: fallback === undefined ? 'none' : undefined, meaning }
}

/** Who logs in; for the cloud itself and for the service user alike. */
const login = (section: string, whose: string): readonly Field[] => [
  text(`${section}.auth_url`, `Keystone's address for ${whose}, such as \`https://keystone.example:5000/v3\`.`),
  field(
    `${section}.auth_type`,
    { type: 'choice', choices: ['password', 'v3applicationcredential', 'v3token'] },
    `How ${whose} logs in.`,
    'password',
  ),
  text(`${section}.username`, `User name of ${whose}.`),
  text(`${section}.user_id`, `User id of ${whose}, instead of a name and a domain.`),
  path(`${section}.password_file`, `File with the password of ${whose}; for its owner only.`),
  text(`${section}.user_domain_name`, `Domain of ${whose}.`),
  text(`${section}.project_name`, `Project that ${whose} works in.`),
  text(`${section}.project_id`, `Its id, instead of a name and a domain.`),
  text(`${section}.project_domain_name`, `Domain of the project.`),
  text(`${section}.application_credential_id`, `Id of an application credential of ${whose}.`),
  path(`${section}.application_credential_secret_file`, `File with its secret; for its owner only.`),
  path(`${section}.token_file`, `File with a token, for \`v3token\`; for its owner only.`),
]

/** Fields of a cloud, of the service user, of key managers and of Ceph. */
export const CLOUD_FIELDS: readonly Field[] = [
  {
    key: 'cloud.name',
    variable: 'HOLDFAST_CLOUD',
    kind: TEXT,
    defaultText: 'the embedded volume service',
    meaning:
      'Cloud whose volumes are worked with: an entry of `clouds.yaml`, `envvars` for the `OS_*` variables, or any name for the ' +
      'login that is configured here. `local` is the embedded volume service. The flag is `--cloud NAME`.',
  },
  path('cloud.clouds_file', 'A `clouds.yaml` to be read instead of those in the usual places.'),
  ...login('cloud', 'this host'),
  text('cloud.region', 'Region of the endpoints.'),
  field(
    'cloud.interface',
    { type: 'choice', choices: ['public', 'internal', 'admin'] },
    'Which endpoints of the catalog are used, for a login that is configured here.',
    'public',
  ),
  path('cloud.ca_file', 'Certificates that are trusted, PEM.'),
  path('cloud.certificate_file', 'Client certificate, PEM.'),
  path('cloud.key_file', 'Key of the client certificate, PEM.'),
  field('cloud.insecure', BOOLEAN, 'Whether certificates are not checked at all; for tests.', false),
  text('cloud.block_storage_endpoint', "Cinder's address instead of the catalog's; `%(project_id)s` is filled in."),
  text('cloud.key_manager_endpoint', "Barbican's address instead of the catalog's."),
  field(
    'cloud.attachments',
    { type: 'choice', choices: ['auto', 'legacy'] },
    'By which verbs volumes are attached: as the server can, or always by the older ones.',
    'auto',
  ),
  text('cloud.rbd_pools', 'Ceph pools whose images may be connected, separated by commas; none given: any.'),
  text('service_user.cloud', 'Cloud entry of `clouds.yaml` with the login of the service user.'),
  ...login('service_user', 'the service user'),
  field(
    'keys.backend',
    { type: 'choice', choices: ['auto', 'barbican', 'vault'] },
    "Where the keys of a cloud's volumes are. `auto`: Barbican.",
    'auto',
  ),
  path('keys.fixed_key_file', "File with Cinder's fixed key in hexadecimal, for volumes whose key id is all zeros."),
  text('vault.url', "Vault's address."),
  field('vault.auth', { type: 'choice', choices: ['token', 'approle', 'kubernetes'] }, 'How to log in there.', 'token'),
  path('vault.token_file', 'File with the token (`token`), or with the service account token (`kubernetes`).'),
  text('vault.role', 'Role id (`approle`), or the name of the role (`kubernetes`).'),
  path('vault.secret_id_file', 'File with the secret id (`approle`).'),
  field('vault.mount', TEXT, 'Where the key-value engine is mounted.', 'secret'),
  text('vault.path', 'Folder of the keys in it.'),
  field('vault.kv_version', { type: 'integer', minimum: 1, maximum: 2 }, 'Version of the key-value engine.', 2),
  text('vault.namespace', 'Namespace.'),
  path('vault.ca_file', 'Certificates that are trusted, PEM.'),
  field(
    'ceph.folder',
    PATH,
    "Where clusters' configurations and keyrings lie: `<cluster>.conf`, `<cluster>.client.<user>.keyring`.",
    '/etc/ceph',
  ),
  text('block_storage_ip', 'Address of this host that storage backends are told.'),
]

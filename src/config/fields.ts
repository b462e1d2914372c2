import { CLOUD_FIELDS } from './cloud-fields.ts'
import type { Field, FieldKind } from './field.ts'

const QUOTA: FieldKind = { type: 'integer', minimum: -1, maximum: 1_000_000_000 }
const SECONDS: FieldKind = { type: 'integer', minimum: 1, maximum: 86_400 }
const RESUME_WAIT: FieldKind = { type: 'integer', minimum: 0, maximum: 86_400 }
const NAME: FieldKind = { type: 'text', maxLength: 255 }

/** Every field there is. File schema, environment, defaults and docs/reference/configuration.md all come from this table. */
export const FIELDS: readonly Field[] = [
  {
    key: 'state_directory',
    variable: 'HOLDFAST_STATE',
    kind: { type: 'path' },
    defaultText: '`/var/lib/holdfast` for root, else `$XDG_STATE_HOME/holdfast` or `~/.local/state/holdfast`',
    meaning: 'Where records, journal, locks, the embedded volume pool and console logs lie. The flag is `--state DIR`.',
  },
  {
    key: 'host_name',
    variable: 'HOLDFAST_HOST_NAME',
    kind: NAME,
    defaultText: 'the name of the machine',
    meaning: 'Name of this host as volume services and attachments know it.',
  },
  {
    key: 'availability_zone',
    variable: 'HOLDFAST_AVAILABILITY_ZONE',
    kind: NAME,
    fallback: 'nova',
    meaning: 'Availability zone of this host, of its instances and of the volumes that it creates.',
  },
  {
    key: 'cross_zone_attach',
    variable: 'HOLDFAST_CROSS_ZONE_ATTACH',
    kind: { type: 'boolean' },
    fallback: true,
    meaning: 'Whether an instance may have volumes of another availability zone.',
  },
  {
    key: 'libvirt_socket',
    variable: 'HOLDFAST_LIBVIRT_SOCKET',
    kind: { type: 'path' },
    fallback: '/run/libvirt/libvirt-sock',
    meaning: "Path of libvirt's socket.",
  },
  {
    key: 'key_file',
    variable: 'HOLDFAST_KEY_FILE',
    kind: { type: 'path' },
    defaultText:
      '`$CREDENTIALS_DIRECTORY/holdfast-master-key` if it is there, else `master.key` in the state directory',
    meaning: 'The master key that seals the embedded key store. A systemd credential is taken by itself.',
  },
  {
    key: 'quotas.volumes',
    variable: 'HOLDFAST_QUOTAS_VOLUMES',
    kind: QUOTA,
    fallback: -1,
    meaning: 'Most volumes of the embedded volume service; −1: no limit.',
  },
  {
    key: 'quotas.gigabytes',
    variable: 'HOLDFAST_QUOTAS_GIGABYTES',
    kind: QUOTA,
    fallback: -1,
    meaning: 'Most GiB of all volumes together; −1: no limit.',
  },
  {
    key: 'quotas.snapshots',
    variable: 'HOLDFAST_QUOTAS_SNAPSHOTS',
    kind: QUOTA,
    fallback: -1,
    meaning: 'Most snapshots; −1: no limit.',
  },
  {
    key: 'overcommit',
    variable: 'HOLDFAST_OVERCOMMIT',
    kind: { type: 'boolean' },
    fallback: true,
    meaning:
      'Whether the sizes of all volumes may add up to more than the file system of the pool holds. Volumes are sparse ' +
      'files: they take space as guests write. `false` refuses a volume that could not be filled. One volume is never larger than the whole file system.',
  },
  {
    key: 'encryption.prefer',
    variable: 'HOLDFAST_ENCRYPTION_PREFER',
    kind: { type: 'choice', choices: ['dm-crypt', 'native'] },
    fallback: 'dm-crypt',
    meaning:
      'Which mechanism opens an encrypted volume where both could: the kernel (`dm-crypt`) or QEMU itself (`native`). ' +
      'It is chosen at the first use of a volume and then kept.',
  },
  {
    key: 'domain_type',
    variable: 'HOLDFAST_DOMAIN_TYPE',
    kind: { type: 'choice', choices: ['auto', 'kvm', 'qemu'] },
    fallback: 'auto',
    meaning: 'What guests are run with. `auto`: KVM where a try shows that it works, else emulation.',
  },
  {
    key: 'history.keep_days',
    variable: 'HOLDFAST_HISTORY_KEEP_DAYS',
    kind: { type: 'integer', minimum: 1, maximum: 36_500 },
    fallback: 90,
    meaning: 'Finished operations and their journals are forgotten after so many days.',
  },
  {
    key: 'history.keep_operations',
    variable: 'HOLDFAST_HISTORY_KEEP_OPERATIONS',
    kind: { type: 'integer', minimum: 0, maximum: 1_000_000 },
    fallback: 1000,
    meaning: 'So many operations are kept in any case, whatever their age, and whatever the clock says.',
  },
  {
    key: 'bounds.volumes',
    variable: 'HOLDFAST_BOUNDS_VOLUMES',
    kind: { type: 'integer', minimum: 1, maximum: 256 },
    fallback: 8,
    meaning: 'How many volumes of an instance are worked on at once.',
  },
  {
    key: 'bounds.instances',
    variable: 'HOLDFAST_BOUNDS_INSTANCES',
    kind: { type: 'integer', minimum: 1, maximum: 1024 },
    fallback: 16,
    meaning: 'How many instances are brought back at once after a host boot.',
  },
  {
    key: 'bounds.processors',
    variable: 'HOLDFAST_BOUNDS_PROCESSORS',
    kind: { type: 'integer', minimum: 1, maximum: 4096 },
    defaultText: 'all of the machine',
    meaning: 'How many processors may derive keys at once.',
  },
  {
    key: 'bounds.key_derivation_memory',
    variable: 'HOLDFAST_BOUNDS_KEY_DERIVATION_MEMORY',
    kind: { type: 'integer', minimum: 64, maximum: 67_108_864 },
    defaultText: 'half of the memory that is free at start',
    meaning:
      'MiB of memory that all key derivations at once may take. A volume whose header asks for more is opened alone.',
  },
  {
    key: 'bounds.io',
    variable: 'HOLDFAST_BOUNDS_IO',
    kind: { type: 'integer', minimum: 1, maximum: 1024 },
    fallback: 8,
    meaning: 'How many devices and domains are set up or taken down at once.',
  },
  {
    key: 'deadlines.shutdown',
    variable: 'HOLDFAST_DEADLINES_SHUTDOWN',
    kind: SECONDS,
    fallback: 60,
    meaning: 'Seconds that a guest may take to power off before the plug is pulled.',
  },
  {
    key: 'deadlines.boot',
    variable: 'HOLDFAST_DEADLINES_BOOT',
    kind: SECONDS,
    fallback: 120,
    meaning: 'Seconds that a domain may take to run after it was started.',
  },
  {
    key: 'deadlines.soft_reboot',
    variable: 'HOLDFAST_DEADLINES_SOFT_REBOOT',
    kind: SECONDS,
    fallback: 120,
    meaning: 'Seconds that a guest may take to reboot by itself before the reboot becomes a hard one.',
  },
  {
    key: 'deadlines.detach',
    variable: 'HOLDFAST_DEADLINES_DETACH',
    kind: SECONDS,
    fallback: 160,
    meaning: 'Seconds that a guest may take to let go of a disk.',
  },
  {
    key: 'deadlines.commands',
    variable: 'HOLDFAST_DEADLINES_COMMANDS',
    kind: SECONDS,
    fallback: 60,
    meaning: 'Seconds that a tool of the host may run.',
  },
  {
    key: 'deadlines.services',
    variable: 'HOLDFAST_DEADLINES_SERVICES',
    kind: SECONDS,
    fallback: 30,
    meaning:
      'Seconds that the key manager or the volume service may take for one answer while an instance is brought up.',
  },
  {
    key: 'deadlines.resume',
    variable: 'HOLDFAST_DEADLINES_RESUME',
    kind: RESUME_WAIT,
    fallback: 1800,
    meaning:
      'Seconds that `host resume` waits for a key manager or a volume service that does not answer; 0: it does not wait.',
  },
  {
    key: 'deadlines.attachments',
    variable: 'HOLDFAST_DEADLINES_ATTACHMENTS',
    kind: SECONDS,
    fallback: 180,
    meaning:
      "Seconds that a cloud's volume service may take to connect or disconnect a volume: more than its own `rpc_response_timeout`.",
  },
  ...CLOUD_FIELDS,
]

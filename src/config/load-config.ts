import { access } from 'node:fs/promises'
import { availableParallelism, freemem, homedir, hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { HoldfastError } from '#src/core/error.ts'
import { cloudConfig } from './cloud-config.ts'
import { type Environment, fieldsFromEnvironment } from './environment.ts'
import type { FieldValue } from './field.ts'
import { FIELDS } from './fields.ts'
import type { HoldfastConfig } from './holdfast-config.ts'
import { Layers } from './layers.ts'
import { readTextFile } from './yaml-file.ts'

/** Read if neither `--config` nor `HOLDFAST_CONFIG` names another, and if it is there. */
export const DEFAULT_CONFIG_FILE = '/etc/holdfast/holdfast.yaml'

export interface ConfigFlags {
  /** `--config FILE` */
  readonly config?: string | undefined
  /** `--state DIR` */
  readonly state?: string | undefined
  /** `--cloud NAME` */
  readonly cloud?: string | undefined
}

/** What some defaults come from. */
export interface Machine {
  readonly hostName: string
  readonly processors: number
  /** Memory that could be had now, MiB. */
  readonly freeMib: number
}

/** What the configuration asks of the machine. */
export interface ConfigSurroundings {
  /** The text of a file; undefined if there is none. */
  readText(path: string): Promise<string | undefined>
  exists(path: string): Promise<boolean>
  machine(): Machine
  homeDirectory(): string
  workingDirectory(): string
}

const realSurroundings: ConfigSurroundings = {
  readText: path => readTextFile(path, 'config-invalid'),
  exists: path =>
    access(path).then(
      () => true,
      () => false,
    ),
  machine: () => ({
    hostName: hostname(),
    processors: availableParallelism(),
    freeMib: Math.floor(freemem() / 2 ** 20),
  }),
  homeDirectory: homedir,
  workingDirectory: () => process.cwd(),
}

/**
 * Puts the configuration together: defaults, then the file, then the environment, then flags; the later wins.
 * @throws HoldfastError `config-invalid` naming the file or variable, the field and what is allowed
 */
export async function loadConfig(
  given: { flags: ConfigFlags; env: Environment; uid: number },
  surroundings: ConfigSurroundings = realSurroundings,
): Promise<HoldfastConfig> {
  const cwd = surroundings.workingDirectory()
  const { file, values } = await fromFile(given.flags, given.env, surroundings)
  const layers = new Layers([values, fieldsFromEnvironment(given.env, cwd), fromFlags(given.flags)])
  const state = given.flags.state === undefined ? undefined : resolve(cwd, given.flags.state)
  const stateDirectory = state ?? layers.text('state_directory') ?? defaultState(given, surroundings)
  const keyFile = layers.text('key_file') ?? (await defaultKeyFile(stateDirectory, given.env, surroundings))
  return build(layers, { stateDirectory, keyFile, file, ...surroundings.machine() })
}

const fromFlags = ({ cloud }: ConfigFlags): ReadonlyMap<string, FieldValue> =>
  new Map(cloud === undefined ? [] : [['cloud.name', cloud]])

function build(
  layers: Layers,
  found: { stateDirectory: string; keyFile: string; file: string | undefined } & Pick<
    Machine,
    'hostName' | 'processors' | 'freeMib'
  >,
): HoldfastConfig {
  return {
    stateDirectory: found.stateDirectory,
    keyFile: found.keyFile,
    file: found.file,
    hostName: layers.text('host_name') ?? found.hostName,
    availabilityZone: layers.needText('availability_zone'),
    crossZoneAttach: layers.needBoolean('cross_zone_attach'),
    libvirtSocket: layers.needText('libvirt_socket'),
    quotas: {
      volumes: layers.needInteger('quotas.volumes'),
      gigabytes: layers.needInteger('quotas.gigabytes'),
      snapshots: layers.needInteger('quotas.snapshots'),
    },
    overcommit: layers.needBoolean('overcommit'),
    encryption: { prefer: layers.needText('encryption.prefer') === 'native' ? 'native' : 'dm-crypt' },
    domainType: domainType(layers.needText('domain_type')),
    history: {
      keepDays: layers.needInteger('history.keep_days'),
      keepOperations: layers.needInteger('history.keep_operations'),
    },
    bounds: {
      volumes: layers.needInteger('bounds.volumes'),
      instances: layers.needInteger('bounds.instances'),
      processors: layers.integer('bounds.processors') ?? found.processors,
      keyDerivationMemoryMib:
        layers.integer('bounds.key_derivation_memory') ?? Math.max(64, Math.floor(found.freeMib / 2)),
      io: layers.needInteger('bounds.io'),
    },
    deadlines: {
      shutdown: layers.needInteger('deadlines.shutdown'),
      boot: layers.needInteger('deadlines.boot'),
      softReboot: layers.needInteger('deadlines.soft_reboot'),
      detach: layers.needInteger('deadlines.detach'),
      commands: layers.needInteger('deadlines.commands'),
      services: layers.needInteger('deadlines.services'),
      resume: layers.needInteger('deadlines.resume'),
      attachments: layers.needInteger('deadlines.attachments'),
    },
    ...cloudConfig(layers),
  }
}

const domainType = (text: string): HoldfastConfig['domainType'] => (text === 'kvm' || text === 'qemu' ? text : 'auto')

interface FromFile {
  readonly file: string | undefined
  readonly values: ReadonlyMap<string, FieldValue>
}

async function fromFile(flags: ConfigFlags, env: Environment, surroundings: ConfigSurroundings): Promise<FromFile> {
  const named = flags.config ?? (env.HOLDFAST_CONFIG || undefined)
  const path = named === undefined ? DEFAULT_CONFIG_FILE : resolve(surroundings.workingDirectory(), named)
  const text = await surroundings.readText(path)
  if (text !== undefined) return { file: path, values: await parseConfigFile(path, text) }
  if (named === undefined) return { file: undefined, values: new Map() }
  const by = flags.config === undefined ? 'HOLDFAST_CONFIG' : '--config'
  throw new HoldfastError('invalid-input', 'config-invalid', `there is no configuration file ${path}`, {
    details: { hint: `${by} names it; leave that out to use the defaults` },
  })
}

/** The fields that a configuration file sets, by key. YAML and schema library are loaded here and only here. */
async function parseConfigFile(path: string, text: string): Promise<ReadonlyMap<string, FieldValue>> {
  const { checkShape, parseYaml } = await import('./yaml-file.ts')
  const { configFileSchema } = await import('./file-schema.ts')
  const document = await parseYaml(path, text, 'config-invalid')
  await checkShape(path, configFileSchema(), document, 'config-invalid')
  const values = new Map<string, FieldValue>()
  for (const { key } of FIELDS) {
    const value = key.split('.').reduce<unknown>(inside, document)
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') values.set(key, value)
  }
  return values
}

const inside = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined

function defaultState(given: { env: Environment; uid: number }, surroundings: ConfigSurroundings): string {
  if (given.uid === 0) return '/var/lib/holdfast'
  const base = given.env.XDG_STATE_HOME
  // The XDG Base Directory Specification: a relative path there is to be ignored.
  if (base?.startsWith('/')) return join(base, 'holdfast')
  return join(surroundings.homeDirectory(), '.local/state/holdfast')
}

async function defaultKeyFile(state: string, env: Environment, surroundings: ConfigSurroundings): Promise<string> {
  const credentials = env.CREDENTIALS_DIRECTORY
  if (credentials?.startsWith('/')) {
    const path = join(credentials, 'holdfast-master-key')
    if (await surroundings.exists(path)) return path
  }
  return join(state, 'master.key')
}

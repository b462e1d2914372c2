import type { FileSchema } from '#src/config/yaml-file.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { PRIORITY_RANGE as RECORDED_PRIORITY } from '#src/store/records.ts'

/** An instance spec file, as it is written: names as in the options of `instance create`. */
export interface InstanceSpec {
  readonly memory?: number
  readonly cpus?: number
  readonly volumes?: readonly (string | SpecVolume)[]
  readonly boot_volume?: string
  readonly kernel?: string
  readonly initrd?: string
  readonly append?: string
  readonly networks?: readonly { readonly bridge: string; readonly mac?: string }[]
  readonly priority?: number
}

export interface SpecVolume {
  readonly volume: string
  readonly boot?: boolean
  readonly delete_on_termination?: boolean
}

export const MEMORY_RANGE = { minimum: 16, maximum: 16_777_216 }
export const CPU_RANGE = { minimum: 1, maximum: 1024 }
/** The store's own bounds; the type keeps them the same. */
export const PRIORITY_RANGE: typeof RECORDED_PRIORITY = { minimum: -1000, maximum: 1000 }

/** JSON Schema pattern, also for `--network`. */
export const MAC = '^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$'
export const BRIDGE = '^[^\\s/,=]{1,15}$'

const words = (description: string): FileSchema => ({ type: 'string', minLength: 1, maxLength: 4096, description })

const SPEC_SCHEMA: FileSchema = {
  type: 'object',
  description: 'a mapping of fields',
  additionalProperties: false,
  properties: {
    memory: { type: 'integer', ...MEMORY_RANGE, description: `MiB, an integer of at least ${MEMORY_RANGE.minimum}` },
    cpus: {
      type: 'integer',
      ...CPU_RANGE,
      description: `an integer from ${CPU_RANGE.minimum} to ${CPU_RANGE.maximum}`,
    },
    volumes: {
      type: 'array',
      maxItems: 256,
      description: 'a list of volumes',
      items: {
        // A name alone, or a mapping.
        type: ['string', 'object'],
        minLength: 1,
        description: 'the name or id of a volume, or a mapping of volume, boot and delete_on_termination',
        required: ['volume'],
        additionalProperties: false,
        properties: {
          volume: words('the name or id of a volume'),
          boot: { type: 'boolean', description: 'true or false' },
          delete_on_termination: { type: 'boolean', description: 'true or false' },
        },
      },
    },
    priority: {
      type: 'integer',
      ...PRIORITY_RANGE,
      description: `an integer from ${PRIORITY_RANGE.minimum} to ${PRIORITY_RANGE.maximum}`,
    },
    boot_volume: words('the name or id of a volume'),
    kernel: words('the path of a kernel image'),
    initrd: words('the path of an initial RAM disk'),
    append: words('the kernel command line'),
    networks: {
      type: 'array',
      maxItems: 64,
      description: 'a list of networks',
      items: {
        type: 'object',
        description: 'a mapping of bridge and mac',
        required: ['bridge'],
        additionalProperties: false,
        properties: {
          bridge: { type: 'string', pattern: BRIDGE, description: 'the name of a bridge, up to 15 characters' },
          mac: { type: 'string', pattern: MAC, description: 'a MAC address such as 52:54:00:12:34:56' },
        },
      },
    },
  },
}

/** @throws HoldfastError `spec-invalid` naming the file, the field and what is allowed */
export async function readInstanceSpec(path: string): Promise<InstanceSpec> {
  const { checkShape, parseYaml, readTextFile } = await import('#src/config/yaml-file.ts')
  const text = await readTextFile(path, 'spec-invalid')
  if (text === undefined) throw new HoldfastError('invalid-input', 'spec-invalid', `there is no spec file ${path}`)
  const spec = await parseYaml(path, text, 'spec-invalid')
  await checkShape(path, SPEC_SCHEMA, spec, 'spec-invalid')
  // The schema above says exactly this type.
  return spec as InstanceSpec
}

import { HoldfastError } from '#src/core/error.ts'
import type { CreateInstance } from '#src/engine/api.ts'
import type { Holdfast } from '#src/holdfast.ts'
import type { KernelBoot } from '#src/store/records.ts'
import type { CliContext } from '../context.ts'
import { argument, defineCommand, dryRun, integer, list, NotAllowed, text } from '../define.ts'
import {
  BRIDGE,
  CPU_RANGE,
  type InstanceSpec,
  MAC,
  MEMORY_RANGE,
  PRIORITY_RANGE,
  readInstanceSpec,
  type SpecVolume,
} from '../instance-spec.ts'
import { findVolume } from '../lookup.ts'
import { printPlan, printResult } from '../report.ts'
import { instanceJson } from '../views.ts'

export const command = defineCommand({
  description:
    'Create an instance, attach its volumes and start it. A spec file has the same fields as the options ' +
    '(memory, cpus, volumes, boot_volume, kernel, initrd, append, networks, priority); options win over it.',
  examples: [
    {
      command: 'holdfast instance create web-1 --memory 1024 --cpus 2 --boot-volume root-1 --volume data-1',
      meaning: 'boot from a volume',
    },
    {
      command:
        'holdfast instance create lab --memory 256 --cpus 1 --kernel vmlinuz --initrd initrd --append console=ttyS0',
      meaning: 'boot a kernel',
    },
    { command: 'holdfast instance create web-1 -f web.yaml', meaning: 'from a spec file' },
  ],
  arguments: [argument('NAME', 'name of the instance')],
  options: {
    memory: integer('--memory <mib>', 'memory in MiB', MEMORY_RANGE),
    cpus: integer('--cpus <n>', 'virtual CPUs', CPU_RANGE),
    volumes: list('--volume <volume>', 'attach a volume; may be given again', value => value),
    bootVolume: text('--boot-volume <volume>', 'attach a volume and boot from it'),
    kernel: text('--kernel <file>', 'kernel image to boot'),
    initrd: text('--initrd <file>', 'initial RAM disk of the kernel'),
    append: text('--append <text>', 'command line of the kernel'),
    networks: list(
      '--network <bridge=name>',
      'plug into a bridge, also bridge=br0,mac=52:54:…; may be given again',
      parseNetwork,
    ),
    priority: integer('--priority <n>', 'higher ones come back first after a host boot', PRIORITY_RANGE),
    file: text('-f, --file <spec>', 'YAML file with the same fields'),
    dryRun,
  },
  async run(context, options, name) {
    const spec = options.file === undefined ? {} : await readInstanceSpec(context.path(options.file))
    const given: InstanceSpec = { ...spec, ...defined(options) }
    const holdfast = await context.open(options.dryRun ? 'read' : 'write')
    const request = await requestOf(context, holdfast, name, given)
    if (options.dryRun) return printPlan(context, await holdfast.instances.plan({ kind: 'create', create: request }))
    const { id, result } = await holdfast.instances.create(request, context.run())
    const json = context.global.json ? instanceJson(await holdfast.instances.show(id)) : {}
    const made = `instance ${name} is created and started (${id})`
    printResult(context, result, { json, made, already: made })
  },
})

interface Given {
  readonly memory: number | undefined
  readonly cpus: number | undefined
  readonly volumes: readonly string[]
  readonly bootVolume: string | undefined
  readonly kernel: string | undefined
  readonly initrd: string | undefined
  readonly append: string | undefined
  readonly networks: readonly { bridge: string; mac?: string }[]
  readonly priority: number | undefined
}

/** What the command line says, and nothing for what it does not. */
function defined(options: Given): InstanceSpec {
  return {
    ...(options.memory === undefined ? {} : { memory: options.memory }),
    ...(options.cpus === undefined ? {} : { cpus: options.cpus }),
    ...(options.volumes.length === 0 ? {} : { volumes: options.volumes }),
    ...(options.bootVolume === undefined ? {} : { boot_volume: options.bootVolume }),
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
    ...(options.initrd === undefined ? {} : { initrd: options.initrd }),
    ...(options.append === undefined ? {} : { append: options.append }),
    ...(options.networks.length === 0 ? {} : { networks: options.networks }),
    ...(options.priority === undefined ? {} : { priority: options.priority }),
  }
}

const usage = (message: string): HoldfastError =>
  new HoldfastError('invalid-input', 'usage', message, { details: { hint: 'holdfast instance create --help' } })

async function requestOf(
  context: CliContext,
  holdfast: Holdfast,
  name: string,
  given: InstanceSpec,
): Promise<CreateInstance> {
  if (given.memory === undefined) throw usage('the memory is missing: --memory MIB')
  if (given.cpus === undefined) throw usage('the number of CPUs is missing: --cpus N')
  return {
    name,
    memoryMib: given.memory,
    cpus: given.cpus,
    volumes: await volumesOf(context, holdfast, given),
    kernel: kernelOf(context, given),
    networks: given.networks ?? [],
    ...(given.priority === undefined ? {} : { priority: given.priority }),
  }
}

function kernelOf(context: CliContext, { kernel, initrd, append }: InstanceSpec): KernelBoot | undefined {
  if (kernel !== undefined) {
    return { image: context.path(kernel), initrd: initrd === undefined ? undefined : context.path(initrd), append }
  }
  if (initrd === undefined && append === undefined) return undefined
  throw usage('--initrd and --append go with --kernel')
}

/** Ids in the order of their targets: the boot volume first, unless it is listed elsewhere. */
async function volumesOf(
  context: CliContext,
  holdfast: Holdfast,
  given: InstanceSpec,
): Promise<CreateInstance['volumes']> {
  const listed = (given.volumes ?? []).map((one): SpecVolume => (typeof one === 'string' ? { volume: one } : one))
  const boot =
    given.boot_volume === undefined ? undefined : await findVolume(holdfast, given.boot_volume, context.signal)
  const found = await Promise.all(
    listed.map(async one => ({
      volumeId: (await findVolume(holdfast, one.volume, context.signal)).id,
      boot: one.boot ?? false,
      deleteOnTermination: one.delete_on_termination ?? false,
    })),
  )
  const all =
    boot === undefined || found.some(({ volumeId }) => volumeId === boot.id)
      ? found.map(one => ({ ...one, boot: one.boot || one.volumeId === boot?.id }))
      : [{ volumeId: boot.id, boot: true, deleteOnTermination: false }, ...found]
  const twice = all.find(({ volumeId }, index) => all.findIndex(other => other.volumeId === volumeId) !== index)
  if (twice !== undefined) throw usage(`volume ${twice.volumeId} is named twice`)
  if (all.filter(one => one.boot).length > 1) throw usage('there is more than one boot volume')
  return all
}

/** `bridge=br0` or `bridge=br0,mac=52:54:00:12:34:56` */
function parseNetwork(value: string): { bridge: string; mac?: string } {
  const pairs = value.split(',').map(part => part.split('=', 2))
  const fields = new Map(pairs.map(([key, inner]) => [key ?? '', inner ?? '']))
  const bridge = fields.get('bridge') ?? ''
  const mac = fields.get('mac')
  const known = [...fields.keys()].every(key => key === 'bridge' || key === 'mac') && fields.size === pairs.length
  if (!known || !new RegExp(BRIDGE).test(bridge) || (mac !== undefined && !new RegExp(MAC).test(mac))) {
    throw new NotAllowed('It must be bridge=NAME or bridge=NAME,mac=ADDRESS.')
  }
  return mac === undefined ? { bridge } : { bridge, mac }
}

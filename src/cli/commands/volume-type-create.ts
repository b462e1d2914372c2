import type { EncryptionProvider } from '#src/core/encryption.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { CreateVolumeType } from '#src/volumes/volume-service.ts'
import { argument, choice, defineCommand, dryRun, flag, integer, text } from '../define.ts'
import { printPlan } from '../report.ts'
import { volumeTypeFields } from '../rows.ts'
import { formatFields } from '../table.ts'
import { volumeTypeJson } from '../views.ts'

export const command = defineCommand({
  examples: [
    { command: 'holdfast volume type create luks2 --encryption-provider luks2', meaning: 'volumes encrypted by LUKS2' },
    { command: 'holdfast volume type create shared --multiattach', meaning: 'volumes for more than one instance' },
  ],
  arguments: [argument('NAME', 'name of the volume type')],
  options: {
    provider: choice('--encryption-provider <provider>', 'encrypt its volumes', ['luks', 'luks2']),
    cipher: text('--cipher <cipher>', 'cipher of the kernel (aes-xts-plain64)'),
    keySize: integer('--key-size <bits>', 'key size; for XTS two keys, so 512 is AES-256 (512)', {
      minimum: 128,
      maximum: 512,
    }),
    multiattach: flag('--multiattach', 'more than one instance may have a volume of it'),
    dryRun,
  },
  async run(context, options, name) {
    const encryption = encryptionOf(options.provider, options.cipher, options.keySize)
    const request = { name, encryption, multiattach: options.multiattach }
    const holdfast = await context.openVolumes(options.dryRun ? 'read' : 'write')
    if (options.dryRun) {
      const { volumePlans } = await import('#src/index.ts')
      return printPlan(
        context,
        volumePlans.planTypeCreate(request, await holdfast.volumes.getAllVolumeTypes(context.signal)),
      )
    }
    const type = await holdfast.volumes.createVolumeType(request, context.signal)
    context.result(volumeTypeJson(type), () => formatFields(volumeTypeFields(type), context.paint))
  },
})

function encryptionOf(
  provider: EncryptionProvider | undefined,
  cipher: string | undefined,
  keySize: number | undefined,
): CreateVolumeType['encryption'] {
  if (provider !== undefined) return { provider, cipher, keySize }
  if (cipher === undefined && keySize === undefined) return undefined
  throw new HoldfastError('invalid-input', 'usage', '--cipher and --key-size go with --encryption-provider', {
    details: { hint: 'add --encryption-provider luks2' },
  })
}

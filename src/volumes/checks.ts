import { HoldfastError } from '#src/core/error.ts'
import type { Volume } from './volume-service.ts'

/** @throws HoldfastError `invalid-volume` unless the volume is `in-use` (Nova `check_attached`). */
export function checkAttached(volume: Volume): void {
  if (volume.status === 'in-use') return
  throw new HoldfastError(
    'wrong-state',
    'invalid-volume',
    `volume ${volume.id} is '${volume.status}', but must be 'in-use'`,
    { details: { volume: volume.id } },
  )
}

/**
 * The zone check of Nova's facade (`check_availability_zone`): only if volumes of other zones may not be attached.
 * @throws HoldfastError `invalid-volume` naming the instance, the volume and both zones
 */
export function checkAvailabilityZone(
  volume: Pick<Volume, 'id' | 'availabilityZone'>,
  instance: { readonly id: string; readonly availabilityZone: string },
  crossZoneAttach: boolean,
): void {
  if (crossZoneAttach || volume.availabilityZone === instance.availabilityZone) return
  throw new HoldfastError(
    'wrong-state',
    'invalid-volume',
    `volume ${volume.id} is in availability zone '${volume.availabilityZone}', but instance ${instance.id} is in ` +
      `'${instance.availabilityZone}', and volumes may not be attached across zones`,
    {
      details: {
        volume: volume.id,
        instance: instance.id,
        hint: `use a volume of zone '${instance.availabilityZone}', or allow it by cross_zone_attach in the configuration`,
      },
    },
  )
}

import { HoldfastError } from '#src/core/error.ts'
import type { Random } from '#src/core/random.ts'
import { checkVolumeType } from '../requests.ts'
import type { CreateVolumeType, VolumeType } from '../volume-service.ts'
import type { Catalog } from './catalog.ts'

export class VolumeTypes {
  readonly #catalog: Catalog
  readonly #random: Random

  constructor(catalog: Catalog, random: Random) {
    this.#catalog = catalog
    this.#random = random
  }

  create(request: CreateVolumeType): VolumeType {
    const { name, multiattach, encryption } = checkVolumeType(request)
    const id = this.#random.uuid()
    return this.#catalog.db.transaction(() => {
      if (this.#catalog.types().some(type => type.name === name || type.id === name)) {
        throw new HoldfastError('conflict', 'conflict', `there is a volume type '${name}' already`)
      }
      const sql = `INSERT INTO volume_types (id, name, multiattach, provider, cipher, key_size)
        VALUES (:id, :name, :multiattach, :provider, :cipher, :keySize)`
      const { provider, cipher, keySize } = encryption ?? {}
      this.#catalog.db.run(sql, { id, name, multiattach: Number(multiattach), provider, cipher, keySize })
      return this.#catalog.type(id)
    })
  }

  delete(nameOrId: string): void {
    this.#catalog.db.transaction(() => {
      const { id, name } = this.#catalog.type(nameOrId)
      const user = this.#catalog.db.get('SELECT id FROM volumes WHERE type_id = :id LIMIT 1', { id })
      if (user) {
        const volume = user.text('id')
        throw new HoldfastError('conflict', 'conflict', `volume ${volume} is of volume type '${name}'`, {
          details: { volume, hint: 'delete the volumes of this type first' },
        })
      }
      this.#catalog.db.run('DELETE FROM volume_types WHERE id = :id', { id })
    })
  }
}

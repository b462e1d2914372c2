import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { asHoldfastError, HoldfastError } from '#src/core/error.ts'
import type { RestoredFile, StateBackup, StateFile, StateOperations } from '#src/holdfast.ts'
import { checkFile, listBackups, restoreBackup } from '#src/host/sqlite/backup.ts'
import type { DatabaseDescription } from '#src/host/sqlite/description.ts'
import { stateDatabase } from '#src/store/sqlite/schema.ts'
import { volumeDatabase } from '#src/volumes/local/schema.ts'

/** The files of the state directory that hold records, their backups, and the way back to one. */
export class StateFiles implements StateOperations {
  readonly #databases: readonly DatabaseDescription[]
  readonly #now: () => number

  constructor({ stateDirectory }: HoldfastConfig, now: () => number) {
    this.#databases = [
      stateDatabase(join(stateDirectory, 'holdfast.db')),
      volumeDatabase(join(stateDirectory, 'volumes/volumes.db')),
    ]
    this.#now = now
  }

  async check(): Promise<readonly StateFile[]> {
    return this.#databases.map(database => {
      const { noun, path } = database
      const there = existsSync(path)
      const lost = !there && listBackups(database).length > 0
      return { noun, path, there, problem: there || lost ? problemOf(path, database) : undefined }
    })
  }

  async backups(): Promise<readonly StateBackup[]> {
    return this.#databases.flatMap(database =>
      listBackups(database).map(backup => ({
        ...backup,
        of: database.path,
        noun: database.noun,
        problem: problemOf(backup.path, database),
      })),
    )
  }

  async plan(backup?: string): Promise<readonly RestoredFile[]> {
    return (await this.#choose(backup)).map(({ database, from }) => ({ path: database.path, from, aside: undefined }))
  }

  async restore(backup?: string): Promise<readonly RestoredFile[]> {
    const chosen = await this.#choose(backup)
    return chosen.map(({ database, from }) => ({
      path: database.path,
      from,
      aside: restoreBackup(from, database, this.#now()),
    }))
  }

  /** The backup that is named; else for each damaged database the newest of its backups that is whole. */
  async #choose(name: string | undefined): Promise<readonly { database: DatabaseDescription; from: string }[]> {
    if (name !== undefined) return [this.#named(name)]
    const damaged = (await this.check()).filter(({ problem }) => problem !== undefined)
    if (damaged.length === 0) {
      throw new HoldfastError('wrong-state', 'state-not-damaged', 'nothing of the state is damaged', {
        details: {
          left: 'nothing was touched',
          hint: "name a backup to go back to it: 'holdfast state backups' shows them",
        },
      })
    }
    return this.#databases
      .filter(({ path }) => damaged.some(file => file.path === path))
      .map(database => ({ database, from: newestWhole(database) }))
  }

  #named(name: string): { database: DatabaseDescription; from: string } {
    for (const database of this.#databases) {
      const found = listBackups(database).find(({ path }) => basename(path) === name || path === resolve(name))
      if (found) return { database, from: found.path }
    }
    throw new HoldfastError('not-found', 'backup-not-found', `there is no backup ${JSON.stringify(name)}`, {
      details: { hint: "'holdfast state backups' shows what there is" },
    })
  }
}

function newestWhole(database: DatabaseDescription): string {
  const whole = listBackups(database).find(({ path }) => problemOf(path, database) === undefined)
  if (whole) return whole.path
  throw new HoldfastError(
    'not-found',
    'backup-not-found',
    `there is no whole backup of the ${database.noun} ${database.path}`,
    {
      details: {
        left: 'nothing was touched',
        hint: 'restore the file from elsewhere, or move it and its backups away to begin with an empty one; instances and volumes are not touched by that',
      },
    },
  )
}

function problemOf(path: string, database: DatabaseDescription): StateFile['problem'] {
  try {
    checkFile(path, database)
    return undefined
  } catch (error) {
    const { code, message } = asHoldfastError(error)
    return { code, message }
  }
}

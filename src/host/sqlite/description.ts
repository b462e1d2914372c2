/** A table of which every row carries the checksum of its other columns in `sum`. */
export interface SummedTable {
  readonly name: string
  /** All columns but `sum`, in the order of the checksum. */
  readonly columns: readonly string[]
  /** What tells its rows apart, for a WHERE: `id`. */
  readonly key: readonly string[]
  /** Grows with history: looked through at every opening only while it is small. */
  readonly history?: boolean
  /** Of history: which rows are in use, a WHERE; the others are not in backups. */
  readonly liveHistory?: string
}

/** What one kind of database has of its own. */
export interface DatabaseDescription {
  /** Absolute path of the file; its directory is there already. */
  readonly path: string
  /** What messages call it, such as `state database`. */
  readonly noun: string
  /** What to do when the file is damaged. */
  readonly restoreHint: string
  /**
   * The schema, one step of SQL for each version, in order. Append-only: a step that was released is never edited, for
   * databases made by it are out there. `user_version` counts the steps that a database has had.
   */
  readonly migrations: readonly string[]
  /** Tables of the newest schema; those that hold others' keys first. */
  readonly tables: readonly SummedTable[]
}

/** A damaged database is restored by these commands, which never touch instances, volumes or their data. */
export const RESTORE_HINT =
  "'holdfast state check' says what is damaged, 'holdfast state restore' puts the newest backup that is whole in its place; " +
  'instances, volumes and their data are not touched by that'

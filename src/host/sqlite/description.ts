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
}

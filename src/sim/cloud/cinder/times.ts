/** As the services write times, UTC without a zone: `2026-11-22T11:57:53.000000`. */
export const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}.000000`

/** Of what was just made, before it was read back from the database. */
export const preciseTimeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, -1)}000`

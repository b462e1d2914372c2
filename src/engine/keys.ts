/** Names of the locks of an operation on this instance and these volumes (I7). */
export const instanceKeys = (instanceId: string, volumeIds: readonly string[]): readonly string[] => [
  `instance:${instanceId}`,
  ...volumeIds.map(id => `volume:${id}`),
]

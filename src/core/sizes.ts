export const MIB = 2 ** 20
export const GIB = 2 ** 30

export const gibToBytes = (gib: number): number => gib * GIB

/** `1.5 GiB`, `20 MiB`, `512 B`: for people. */
export function formatBytes(bytes: number): string {
  if (bytes >= GIB) return `${Math.round((bytes / GIB) * 100) / 100} GiB`
  if (bytes >= MIB) return `${Math.round((bytes / MIB) * 100) / 100} MiB`
  return `${bytes} B`
}

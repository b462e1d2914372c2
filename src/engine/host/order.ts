/** Higher priority first, then by name: the order in which a host comes back. */
export const byPriority = (
  a: { readonly priority: number; readonly name: string },
  b: { readonly priority: number; readonly name: string },
): number => b.priority - a.priority || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

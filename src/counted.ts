// Counts and lists, for texts that people read: `1 disk`, `2 disks`, `eth1, eth2 and 3 more`.

/** @param count a whole number of at least 0  @param many the plural, if it is irregular or includes a verb */
export const counted = (count: number, one: string, many: string = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** The first names of a list, and how many more it has: `eth1, eth2 and 3 more`. @param namedMax the most names; the rest are counted */
export function listed(names: readonly string[], namedMax: number): string {
  const more = names.length - namedMax;
  return names.slice(0, namedMax).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

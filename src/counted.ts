// Counts, sizes and lists, for texts that people read: `1 disk`, `2 disks`, `269 MiB`, `eth1, eth2 and 3 more`.

/** @param count a whole number of at least 0  @param many the plural, if it is irregular or includes a verb */
export const counted = (count: number, one: string, many: string = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/**
 * A size in memory or on a disk, whose units are powers of two; 12.1 MiB are `13 MiB`. Transfers over a network are counted in MB.
 */
export const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** The first names of a list, and how many more it has: `eth1, eth2 and 3 more`. @param namedMax the most names; the rest are counted */
export function listed(names: readonly string[], namedMax: number): string {
  const more = names.length - namedMax;
  return names.slice(0, namedMax).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

// Counts, sizes and lists, for texts that people read: `1 disk`, `2 disks`, `269 MiB`,
// `eth1, eth2 and 3 more`.

/** @param count a whole number of at least 0  @param plural the plural, if it is irregular or includes a verb */
export const counted = (count: number, singular: string, plural: string = `${singular}s`): string =>
  `${count} ${count === 1 ? singular : plural}`;

/**
 * A size in memory or on a disk, whose units are powers of two; 12.1 MiB are `13 MiB`. Transfers
 * over a network are counted in MB.
 */
export const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/**
 * The first names of a list, and how many more it has: `eth1, eth2 and 3 more`.
 * @param namedMax the most names; the rest are counted
 */
export function joinNames(names: readonly string[], namedMax: number): string {
  const unnamedCount = names.length - namedMax;
  return names.slice(0, namedMax).join(', ') + (unnamedCount > 0 ? ` and ${unnamedCount} more` : '');
}

/** The text with a capital first letter, unless it begins with a key, an interface, a file or an address. */
export const asSentence = (text: string): string =>
  /^[a-z]+(?:'s)?(?:[,:;.]? |\.?$)/.test(text) && !/^lo\b/.test(text)
    ? `${text.charAt(0).toUpperCase()}${text.slice(1)}`
    : text;

/** The sentence for a search without results. @param machines the number of machines, at least 1 */
export const composeNoneFitsText = (machines: number): string =>
  machines === 1 ? 'The only machine does not match.' : `None of the ${counted(machines, 'machine')} matches.`;

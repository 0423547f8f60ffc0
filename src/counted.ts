// A count with its noun, for texts that people read: `1 disk`, `2 disks`.

/** @param count a whole number of at least 0  @param many the plural, if it is irregular or includes a verb */
export const counted = (count: number, one: string, many: string = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
